/** Events, instances and a status as they might have been, for what makes words of them. */
import type { AppEvent, InstanceEvent } from '../../src/core/events.ts';
import type { Evidence } from '../../src/core/instance-state.ts';
import type { AppStatus, InstanceStatus } from '../../src/core/status.ts';

let seq = 0;
export const happened = (event: Partial<InstanceEvent>): InstanceEvent => ({
  ...{ type: 'instance', seq: (seq += 1), time: seq * 1_000, instance: 'users#1@3', service: 'users' },
  ...{ from: 'ready', to: 'pending', reason: '', evidence: {}, failures: 0, crashLoop: false },
  ...event,
});
export const ofApp = (event: Partial<AppEvent> & Pick<AppEvent, 'name'>): AppEvent => ({
  ...{ type: 'app', seq: (seq += 1), time: seq * 1_000, reason: 'why', evidence: {} },
  ...event,
});
export const exit = (code: number | null, signal: string | null, readyForMs: number | null): Evidence => ({
  ...{ code, signal, readyForMs },
});

export const instance = (slot: string, is: Partial<InstanceStatus>): InstanceStatus => ({
  ...{ slot, epoch: 1, state: 'ready', reason: 'ready', pid: 7, since: 0, startedAt: 0, restartAt: null },
  ...{ restarts: 0, crashLoop: false, lastHeartbeat: 0, requests: 0, errors: 0, inFlight: 0 },
  ...{ requestsPerSecond: 0, p99Ms: null, loopDelayMs: null, cpuPercent: null, rssBytes: null },
  ...is,
});
type Status = Pick<AppStatus, 'services' | 'avoided' | 'takenAt' | 'generation' | 'pids'>;
export const statusWith = (...instances: InstanceStatus[]): Status => ({
  services: [
    {
      ...{ name: 'users', system: false, version: '1', optional: false, wanted: 1, ready: 1 },
      ...{ health: 'healthy', urls: [], instances },
    },
  ],
  avoided: [],
  takenAt: 720_000,
  generation: 2,
  pids: { keeper: 5, supervisor: 6 },
});
export const everything = { from: 0, to: Infinity };
export const crash = (n: number): InstanceEvent =>
  happened({
    ...{ from: 'starting', to: 'backoff', reason: 'exited with code 1', failures: n },
    evidence: { ...exit(1, null, null), stderr: [`boom ${String(n)}`] },
  });
