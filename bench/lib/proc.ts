/**
 * What processes cost, read from /proc: the same ruler for every peer, also for processes that cannot be asked. Linux only.
 * CPU time comes in ticks of 10 ms, which is under 1 % of a round of seconds.
 */
import { readFileSync } from 'node:fs';

const tickUs = 10_000;

/** User and system time of all threads, in microseconds. */
export function cpuUs(pids: readonly number[]): number {
  let ticks = 0;
  for (const pid of pids) {
    // The name of the program stands in brackets and may hold spaces: count from behind it.
    const fields =
      readFileSync(`/proc/${String(pid)}/stat`, 'utf8')
        .split(') ')[1]
        ?.split(' ') ?? [];
    ticks += Number(fields[11]) + Number(fields[12]);
  }
  return ticks * tickUs;
}

/** Memory that the process shares with nobody. */
export function privateMiB(pid: number): number {
  const text = readFileSync(`/proc/${String(pid)}/smaps_rollup`, 'utf8');
  const kiB = [...text.matchAll(/^Private_\w+:\s+(\d+) kB$/gm)].reduce(
    (sum, [, value]) => sum + Number(value),
    0,
  );
  return kiB / 1_024;
}
