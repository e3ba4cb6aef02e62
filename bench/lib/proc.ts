/**
 * What processes cost, read from /proc: the same ruler for every peer, also for processes that cannot be asked. Linux only.
 * CPU time comes in ticks of 10 ms, which is under 1 % of a round of seconds.
 */
import { readFileSync } from 'node:fs';

const tickUs = 10_000;

/** The fields of /proc/<pid>/stat from the third, the state, on. The name before it stands in brackets and may hold spaces. */
const statOf = (pid: number): string[] =>
  readFileSync(`/proc/${String(pid)}/stat`, 'utf8')
    .split(') ')[1]
    ?.split(' ') ?? [];

/** A zombie does not: some init processes reap late. */
export function livesStill(pid: number): boolean {
  try {
    return !/^[ZX]/.test(statOf(pid)[0] ?? 'X');
  } catch {
    return false;
  }
}

/** User and system time of all threads, in microseconds. */
export function cpuUs(pids: readonly number[]): number {
  let ticks = 0;
  for (const pid of pids) {
    const fields = statOf(pid);
    ticks += Number(fields[11]) + Number(fields[12]);
  }
  return ticks * tickUs;
}

/** That of the children that ended and were waited for. */
export function endedChildrenCpuUs(pids: readonly number[]): number {
  let ticks = 0;
  for (const pid of pids) {
    const fields = statOf(pid);
    ticks += Number(fields[13]) + Number(fields[14]);
  }
  return ticks * tickUs;
}

const childrenOf = (pid: number): number[] =>
  readFileSync(`/proc/${String(pid)}/task/${String(pid)}/children`, 'utf8')
    .split(' ')
    .filter((text) => text !== '')
    .map(Number);

export const parentOf = (pid: number): number => Number(statOf(pid)[1]);

/** A server that forks: its own, that of its children, and that of those that have ended. One that ends meanwhile is looked for once more, with those that ended. */
export function treeCpuUs(pid: number): number {
  for (let tries = 0; ; tries += 1) {
    try {
      return cpuUs([pid, ...childrenOf(pid)]) + endedChildrenCpuUs([pid]);
    } catch (error) {
      if (tries === 10) throw error;
    }
  }
}

const rollupMiB = (pid: number, fields: RegExp): number => {
  const text = readFileSync(`/proc/${String(pid)}/smaps_rollup`, 'utf8');
  return [...text.matchAll(fields)].reduce((sum, [, kiB]) => sum + Number(kiB), 0) / 1_024;
};

/** Memory that the process shares with nobody. */
export const privateMiB = (pid: number): number => rollupMiB(pid, /^Private_\w+:\s+(\d+) kB$/gm);

/** What it shares, counted whole for each who shares it, and the rest. */
export const residentMiB = (pid: number): number => rollupMiB(pid, /^Rss:\s+(\d+) kB$/gm);
