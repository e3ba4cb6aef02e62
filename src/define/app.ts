/**
 * `defineApp`: which services run, how often and with what. Plain data; `checkApp` (define/check-app.ts) finds every problem at once.
 */
import type { OptionsIn } from '../core/options.ts';
import { fillOptions } from '../core/options.ts';
import { poolOptions } from './options.ts';
import type {
  serviceOptions,
  storeOptions,
  appOptions,
  gatewayOptions,
  healthOptions,
  logsOptions,
  restartOptions,
  stopOptions,
} from './options.ts';
import type { AppCallsInput } from './calls.ts';
import { fewestOf } from './replicas.ts';
import type { Replicas } from './replicas.ts';

export interface PolicyInput {
  readonly restart?: OptionsIn<typeof restartOptions>;
  readonly stop?: OptionsIn<typeof stopOptions>;
  readonly health?: OptionsIn<typeof healthOptions>;
}

export interface ServiceEntry extends Omit<OptionsIn<typeof serviceOptions>, 'replicas'>, PolicyInput {
  /** A number, or `{ min: 1, max: 4 }`: as many as its load asks for. */
  readonly replicas?: Replicas | undefined;
  /** Path of the module that exports the definition, from the app file. */
  readonly module: string;
  /** For work that keeps a processor busy: its processes take one call at a time. Takes the place of `replicas`. */
  readonly pool?: OptionsIn<typeof poolOptions>;
  /** Given to the service's `config` schema. Reaches the process on a private channel, never by argv or environment. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** How calls to it are made, in place of what the service itself says. */
  readonly calls?: AppCallsInput;
  /** Added to the environment of `tutti start`. */
  readonly env?: Readonly<Record<string, string>>;
}

/** At start; a pool keeps to it. */
export function processesOf({ pool, replicas }: ServiceEntry): number {
  if (pool === undefined) return fewestOf(replicas);
  const { size, spares } = fillOptions(poolOptions, pool);
  return size + spares;
}

export interface GatewayEntry extends OptionsIn<typeof gatewayOptions>, PolicyInput {
  /** Only the routes of these services, and what every gateway serves. Default: of all. */
  readonly services?: readonly string[];
  /** Module with `onError(problem, request)`, another shape for errors, and `authenticate(request)`, who asks. Runs in the gateway. */
  readonly hooks?: string;
  /** Queues whose jobs whoever reaches it may add, see and cancel, under `/jobs/`. None unless they are named. */
  readonly jobs?: readonly string[];
}

export interface AppInput extends OptionsIn<typeof appOptions>, PolicyInput {
  readonly name: string;
  readonly services: Readonly<Record<string, ServiceEntry>>;
  readonly gateways?: Readonly<Record<string, GatewayEntry>>;
  /** Keeps what must outlive every process; runs as a process of its own. Without it nothing is kept: `store: {}`. */
  readonly store?: OptionsIn<typeof storeOptions>;
  /** Module with `onEvent(event)`: hears every transition and what the supervisor did, in a process of its own. */
  readonly onEvent?: string;
  /** Level of our own logs and of `log` in services. */
  readonly logLevel?: 'debug' | 'info' | 'warn' | 'error';
  /** A file with the lines of all processes, beside what `tutti logs` remembers. */
  readonly logs?: OptionsIn<typeof logsOptions>;
}

export interface AppDefinition extends AppInput {
  readonly kind: 'app';
}

/** Gives the app file its types. What is wrong in it is told, all at once, by `tutti check` and `tutti start`. */
export const defineApp = (app: AppInput): AppDefinition => ({ ...app, kind: 'app' });
