/**
 * What `GET /services`, `GET /services/{name}/health` and `GET /health` say, from the supervisor's last word. Pure.
 */
import { stateWord } from '../../core/status.ts';
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
export function missingServices({ services, status, readyInstances }: HealthSources): string[] {
  const optional = new Set(status?.services.filter((service) => service.optional).map(({ name }) => name));
  return services.filter((name) => !optional.has(name) && readyInstances(name) === 0);
}
