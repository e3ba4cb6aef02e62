/** What supervising costs when nothing happens, and when a service ends as soon as it is started. */
import { rmSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { cpuUs, endedChildrenCpuUs, privateMiB, residentMiB } from './proc.ts';
import type { Supervised } from './supervised.ts';

const sumOf = (pids: readonly number[], measure: (pid: number) => number): number =>
  pids.reduce((sum, pid) => sum + measure(pid), 0);

const minuteMs = 60_000;

export interface Rest extends Record<string, number> {
  residentMiB: number;
  privateMiB: number;
  /** CPU time per minute. */
  supervisingMs: number;
  serviceMs: number;
  servicePrivateMiB: number;
}

/** After `restMs` of rest, CPU over as long again. `service`: one of those that only rest. */
export async function atRest(supervised: Supervised, service: string, restMs: number): Promise<Rest> {
  const pid = await supervised.pidOf(service);
  await delay(restMs);
  const { supervisors } = supervised;
  const before = { supervising: cpuUs(supervisors), service: cpuUs([pid]) };
  await delay(restMs);
  const perMinute = (us: number): number => (us / 1_000) * (minuteMs / restMs);
  return {
    residentMiB: sumOf(supervisors, residentMiB),
    privateMiB: sumOf(supervisors, privateMiB),
    supervisingMs: perMinute(cpuUs(supervisors) - before.supervising),
    serviceMs: perMinute(cpuUs([pid]) - before.service),
    servicePrivateMiB: privateMiB(pid),
  };
}

export interface CrashLoop {
  readonly restarts: number;
  /** As the supervisor calls it at the end. */
  readonly state: string;
  readonly supervisingMs: number;
  /** Of all the processes that ended. */
  readonly startsMs: number;
}

/** From now on for `lastMs` the service ends at once whenever it is started: the file `flag` tells it to. */
export async function crashLoop(
  supervised: Supervised,
  { service, flag, lastMs }: { service: string; flag: string; lastMs: number },
): Promise<CrashLoop> {
  const { supervisors } = supervised;
  const pid = await supervised.pidOf(service);
  const { restarts: restartsBefore } = await supervised.says(service);
  const before = { own: cpuUs(supervisors), ended: endedChildrenCpuUs(supervisors) };
  writeFileSync(flag, '');
  process.kill(pid, 'SIGKILL');
  await delay(lastMs);
  const after = { own: cpuUs(supervisors), ended: endedChildrenCpuUs(supervisors) };
  const { state, restarts } = await supervised.says(service);
  rmSync(flag);
  return {
    restarts: restarts - restartsBefore,
    state,
    supervisingMs: (after.own - before.own) / 1_000,
    startsMs: (after.ended - before.ended) / 1_000,
  };
}
