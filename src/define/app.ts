/**
 * `defineApp`: which services run, how often and with what. Plain data; `checkApp` (define/check-app.ts) finds every problem at once.
 */
import type { OptionsIn } from '../core/options.ts';
import { fillOptions } from '../core/options.ts';
import { poolOptions, serviceOptions } from './options.ts';
import type {
  appOptions,
  gatewayOptions,
  healthOptions,
  logsOptions,
  restartOptions,
  stopOptions,
} from './options.ts';

export interface PolicyInput {
  readonly restart?: OptionsIn<typeof restartOptions>;
  readonly stop?: OptionsIn<typeof stopOptions>;
  readonly health?: OptionsIn<typeof healthOptions>;
}

export interface ServiceEntry extends OptionsIn<typeof serviceOptions>, PolicyInput {
  /** Path of the module that exports the definition, from the app file. */
  readonly module: string;
  /** For work that keeps a processor busy: its processes take one call at a time. Takes the place of `replicas`. */
  readonly pool?: OptionsIn<typeof poolOptions>;
  /** Given to the service's `config` schema. Reaches the process on a private channel, never by argv or environment. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** Added to the environment of `tutti start`. */
  readonly env?: Readonly<Record<string, string>>;
}

export function processesOf({ pool, replicas = serviceOptions.replicas.default }: ServiceEntry): number {
  if (pool === undefined) return replicas;
  const { size, spares } = fillOptions(poolOptions, pool);
  return size + spares;
}

export interface GatewayEntry extends OptionsIn<typeof gatewayOptions>, PolicyInput {
  /** Module with `onError(problem, request)`: another shape for what the gateway answers itself. Runs in the gateway. */
  readonly hooks?: string;
}

export interface AppInput extends OptionsIn<typeof appOptions>, PolicyInput {
  readonly name: string;
  readonly services: Readonly<Record<string, ServiceEntry>>;
  readonly gateways?: Readonly<Record<string, GatewayEntry>>;
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
