/**
 * What `status` says of an app in one process: one instance of each service, ready, and nothing measured that only a process of its own has.
 */
import { isSystemService } from '../core/ids.ts';
import type { AppStatus, ServiceStatus } from '../core/status.ts';
import { serviceHealth } from '../core/status.ts';
import type { Host } from '../host/host.ts';
import { systemClock } from '../os/clock.ts';

export interface Running {
  readonly name: string;
  readonly version: string;
  readonly host: Host;
}

export function inProcessStatus(
  app: string,
  running: readonly Running[],
  shared: AppStatus['shared'],
): AppStatus {
  const now = systemClock.wall();
  return {
    ...{ app, shared },
    avoided: [],
    acceptFailures: {},
    takenAt: now,
    startedAt: now,
    generation: 1,
    pids: { keeper: process.pid, supervisor: process.pid },
    services: running.map((service) => serviceStatus(service, now)),
    notes: [],
  };
}

function serviceStatus({ name, version, host }: Running, now: number): ServiceStatus {
  const { requests, errors, inFlight } = host.responder.stats();
  const times = { since: now, startedAt: now, restartAt: null, lastHeartbeat: now };
  const counted = { requests, errors, inFlight, requestsPerSecond: 0, restarts: 0 };
  const unmeasured = { p99Ms: null, loopDelayMs: null, cpuPercent: null, rssBytes: null };
  const instance = {
    ...{ slot: `${name}#1`, epoch: 1, state: 'ready' as const, reason: 'ready', pid: process.pid },
    ...{ crashLoop: false, ...counted, ...times, ...unmeasured },
  };
  return {
    ...{ name, version, system: isSystemService(name), optional: false, urls: [], instances: [instance] },
    ...{ wanted: 1, ready: 1, health: serviceHealth(1, ['ready']) },
  };
}
