/**
 * What `GET /services`, `GET /services/{name}/health` and `GET /health` say, from the supervisor's last word. Pure.
 */
import { displayName } from '../../core/ids.ts';
import { appHealth, stateWord } from '../../core/status.ts';
import type { AppStatus, InstanceStatus, ServiceStatus } from '../../core/status.ts';

interface Stats {
  readonly requests: number;
  readonly errors: number;
  readonly started_at: string | null;
  readonly last_heartbeat: string | null;
}

const iso = (time: number | null): string | null => (time === null ? null : new Date(time).toISOString());
const known = (times: readonly (number | null)[]): number[] => times.filter((time) => time !== null);
const earliest = (times: readonly (number | null)[]): number | null =>
  known(times).reduce<number | null>((least, time) => Math.min(least ?? time, time), null);
const latest = (times: readonly (number | null)[]): number | null =>
  known(times).reduce<number | null>((most, time) => Math.max(most ?? time, time), null);
const total = (numbers: readonly number[]): number => numbers.reduce((sum, number) => sum + number, 0);

function statsOf(instances: readonly InstanceStatus[]): Stats {
  return {
    requests: total(instances.map(({ requests }) => requests)),
    errors: total(instances.map(({ errors }) => errors)),
    started_at: iso(earliest(instances.map(({ startedAt }) => startedAt))),
    last_heartbeat: iso(latest(instances.map(({ lastHeartbeat }) => lastHeartbeat))),
  };
}

const instanceReport = (instance: InstanceStatus): object => ({
  instance: `${instance.slot}@${String(instance.epoch)}`,
  pid: instance.pid,
  status: stateWord(instance.state),
  state: instance.state,
  reason: instance.reason,
  registered_at: iso(instance.startedAt),
  restarts: instance.restarts,
  lag_ms: instance.loopDelayMs,
  stats: statsOf([instance]),
});

function serviceReport({ version, health, wanted, ready, instances }: ServiceStatus): object {
  const best = instances.find(({ state }) => state === 'ready') ?? instances.find(({ pid }) => pid !== null);
  return {
    pid: best?.pid ?? null,
    status: best === undefined ? 'dead' : stateWord(best.state),
    health,
    version,
    wanted,
    ready,
    registered_at: iso(earliest(instances.map(({ startedAt }) => startedAt))),
    restarts: total(instances.map(({ restarts }) => restarts)),
    lag_ms: latest(instances.map(({ loopDelayMs }) => loopDelayMs)),
    stats: statsOf(instances),
    instances: instances.map(instanceReport),
  };
}

/** `wallNow` gives the age of the snapshot: it stays when the supervisor is away. */
export function servicesReport(status: AppStatus, wallNow: number): object {
  const reports = (system: boolean): Record<string, object> =>
    Object.fromEntries(
      status.services
        .filter((service) => service.system === system)
        .map((service) => [service.name, serviceReport(service)]),
    );
  const services = reports(false);
  return {
    status: 'success',
    count: Object.keys(services).length,
    services,
    system: reports(true),
    shared: status.shared,
    taken_at: iso(status.takenAt),
    age_ms: Math.max(0, wallNow - status.takenAt),
  };
}

/** Undefined when no service has this name. */
export function healthReport(status: AppStatus, name: string): object | undefined {
  const service = status.services.find((candidate) => candidate.name === name);
  return (
    service && { status: 'success', service: name, health: service.health, stats: statsOf(service.instances) }
  );
}

export interface HealthSources {
  /** Names of the app's services. */
  readonly services: readonly string[];
  readonly status: AppStatus | undefined;
  readonly readyInstances: (service: string) => number;
}

/** Services without which the app is not healthy and of which nobody is ready. The registry knows that sooner than the status. */
function missingServices({ services, status, readyInstances }: HealthSources): string[] {
  // Nobody is missed of who can be done without, or was stopped by hand: who needs that one is degraded.
  const spared = status?.services.filter(({ optional, wanted }) => optional || wanted === 0);
  const names = new Set(spared?.map(({ name }) => name));
  return services.filter((name) => !names.has(name) && readyInstances(name) === 0);
}

interface AppHealth {
  readonly status: 'healthy' | 'degraded' | 'unhealthy';
  readonly message: string;
}

/** As `tutti status` says it. What is degraded serves: it is no reason to send requests elsewhere. */
export function appHealthReport(sources: HealthSources): AppHealth {
  const missing = missingServices(sources);
  if (missing.length > 0)
    return { status: 'unhealthy', message: `Nobody is ready of: ${missing.join(', ')}` };
  const { status } = sources;
  if (status === undefined || appHealth(status) === 'healthy')
    return { status: 'healthy', message: 'Every required service is ready' };
  const unwell = status.services.filter(({ health, wanted }) => health !== 'healthy' && wanted > 0);
  const words = unwell.map(
    ({ name, ready, wanted, trouble }) =>
      trouble ?? `${displayName(name)}: ${String(ready)} of ${String(wanted)} ready`,
  );
  return { status: 'degraded', message: words.join('; ') };
}
