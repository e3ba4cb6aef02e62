/**
 * What the supervisor says of the app: once a second to gateways, and on request to the CLI.
 * Everything in it is derived from transitions and statistics slots; nothing is counted twice.
 */
import type { AvoidedStatus } from './avoided.ts';
import type { ReplicaRange } from './autoscale.ts';
import type { InstanceState } from './instance-state.ts';

export type ServiceHealth = 'healthy' | 'degraded' | 'unhealthy' | 'dead';

export interface InstanceStatus {
  /** `users#1` */
  readonly slot: string;
  readonly epoch: number;
  readonly state: InstanceState;
  readonly reason: string;
  readonly pid: number | null;
  /** Of a pool: ready, and without calls until another ends. */
  readonly isSpare?: true;
  /** Epoch milliseconds of the last transition, of the process's start, of the next start. */
  readonly since: number;
  readonly startedAt: number | null;
  readonly restartAt: number | null;
  /** Starts after the first that nobody asked for. */
  readonly restarts: number;
  readonly crashLoop: boolean;
  /** Epoch milliseconds; null before the first beat. */
  readonly lastHeartbeat: number | null;
  readonly requests: number;
  readonly errors: number;
  readonly inFlight: number;
  readonly requestsPerSecond: number;
  readonly p99Ms: number | null;
  readonly loopDelayMs: number | null;
  /** Percent of one core. */
  readonly cpuPercent: number | null;
  readonly rssBytes: number | null;
}

export interface ServiceStatus {
  readonly name: string;
  /** Ours, not the user's. */
  readonly system: boolean;
  readonly version: string;
  readonly optional: boolean;
  readonly wanted: number;
  /** Between which its load decides; absent: it does not. */
  readonly range?: ReplicaRange;
  readonly ready: number;
  readonly health: ServiceHealth;
  /** A sentence: why it is not healthy, where its instances do not show that. */
  readonly trouble?: string;
  /** URLs of a gateway; empty for the rest. */
  readonly urls: readonly string[];
  readonly instances: readonly InstanceStatus[];
}

export interface AppStatus {
  readonly app: string;
  /** Epoch milliseconds. */
  readonly takenAt: number;
  readonly startedAt: number;
  readonly generation: number;
  readonly pids: { readonly keeper: number; readonly supervisor: number };
  readonly services: readonly ServiceStatus[];
  /** Shared counters and gauges by name. */
  readonly shared: Readonly<Record<string, number>>;
  /** Who is not asked by whom, or asked less: what callers hold against instances. */
  readonly avoided: readonly AvoidedStatus[];
  /** Connections the supervisor turned away for want of a file descriptor, by listener. */
  readonly acceptFailures: Readonly<Record<string, number>>;
  /** What a person should know: overrides by hand, code that differs from the manifest, what is degraded. */
  readonly notes: readonly string[];
}

const aliveStates: ReadonlySet<InstanceState> = new Set([
  'starting',
  'ready',
  'unready',
  'draining',
  'stopping',
]);

/** How those that are ready fare. */
export interface Strain {
  readonly loopDelayMs: number;
  /** Of the last minute. */
  readonly requests: number;
  readonly errors: number;
}

const slowLoopMs = 200;
const errorShare = 0.05;
/** Fewer calls say nothing: one of three would be a third. */
const fewestRequests = 20;

/** In words; undefined: it fares well. */
export function strainText({ loopDelayMs, requests, errors }: Strain): string | undefined {
  if (loopDelayMs > slowLoopMs) return `its event loop lags by ${String(Math.round(loopDelayMs))} ms`;
  if (requests < fewestRequests || errors <= requests * errorShare) return undefined;
  return `${String(errors)} of ${String(requests)} calls failed in the last minute`;
}

const retryShare = 0.02;
const fewestRetries = 10;

/** Of the calls that an instance made in the last minute; undefined: hardly any had to be made again. */
export function retryText({
  calls,
  retries,
}: {
  readonly calls: number;
  readonly retries: number;
}): string | undefined {
  if (retries < fewestRetries || retries < calls * retryShare) return undefined;
  return `had to make ${String(retries)} of its ${String(calls)} calls of the last minute once more`;
}

/**
 * `healthy` = all wanted are ready and fare well; `degraded` = some, or one is slow or fails too often; `unhealthy` = none ready but
 * alive; `dead` = no process.
 */
export function serviceHealth(
  wanted: number,
  states: readonly InstanceState[],
  strains: readonly Strain[] = [],
): ServiceHealth {
  const ready = states.filter((state) => state === 'ready').length;
  if (ready > 0)
    return ready >= wanted && strains.every((strain) => strainText(strain) === undefined)
      ? 'healthy'
      : 'degraded';
  return states.some((state) => aliveStates.has(state)) ? 'unhealthy' : 'dead';
}

/**
 * The one verdict on the whole: as good as the worst service it cannot do without; one it can do without makes it no worse than
 * degraded. Nobody is waited for of a service that a person stopped: who needs it is degraded, and so is the whole.
 */
export function appHealth({ services }: Pick<AppStatus, 'services'>): ServiceHealth {
  const needed = services.filter(({ optional, wanted }) => !optional && wanted > 0);
  if (needed.length > 0 && needed.every(({ health }) => health === 'dead')) return 'dead';
  if (needed.some(({ health }) => health === 'dead' || health === 'unhealthy')) return 'unhealthy';
  return services.some(({ health, wanted }) => health !== 'healthy' && wanted > 0) ? 'degraded' : 'healthy';
}

/** The words of `GET /services`. */
export function stateWord(state: InstanceState): 'running' | 'unhealthy' | 'dead' {
  if (state === 'ready') return 'running';
  return state === 'starting' || state === 'unready' || state === 'draining' || state === 'stopping'
    ? 'unhealthy'
    : 'dead';
}
