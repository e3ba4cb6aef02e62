/**
 * Reads /proc: who a process is and how it fares. Used by the sweep, the keeper and the supervisor's watch.
 * A pid alone names nobody, since it is given out again: a process is the same only if its start time is too.
 * Where there is no /proc (macOS) every reading is undefined, and callers do without: nothing is signalled on a guess.
 */
import { readFileSync, readdirSync } from 'node:fs';

export interface ProcessReading {
  readonly pid: number;
  /** One letter of proc(5): R, S, D, T, Z … */
  readonly state: string;
  readonly parent: number;
  readonly group: number;
  readonly session: number;
  /** User and system time, in ticks of 10 ms: to see whether it advances. */
  readonly cpuTicks: number;
  /** Ticks since boot. With the pid and the boot it names one process for ever. */
  readonly startTime: number;
}

export const hasProc = process.platform === 'linux';

/** Undefined: there is no such process, or none that we may look at. */
export function readProcess(pid: number): ProcessReading | undefined {
  const text = readText(`/proc/${String(pid)}/stat`);
  return text === undefined ? undefined : parseStat(text);
}

/** 0 where it cannot be told. */
export function processStartTime(pid: number): number {
  try {
    return readProcess(pid)?.startTime ?? 0;
  } catch {
    return 0;
  }
}

/** The name stands in brackets and may hold brackets and blanks itself, so we count from the last one. */
export function parseStat(text: string): ProcessReading | undefined {
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const number = (index: number): number => Number(fields[index]);
  const reading = {
    pid: Number.parseInt(text, 10),
    state: fields[0] ?? '',
    parent: number(1),
    group: number(2),
    session: number(3),
    cpuTicks: number(11) + number(12),
    startTime: number(19),
  };
  return Number.isSafeInteger(reading.pid) && Number.isSafeInteger(reading.startTime) ? reading : undefined;
}

/** Dead, only its parent has not looked yet: some init processes reap late or never. */
const isZombie = (reading: ProcessReading): boolean => reading.state === 'Z' || reading.state === 'X';

/** Every process of the machine that we can see and that is not a zombie. */
export function liveProcesses(): ProcessReading[] {
  if (!hasProc) return [];
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids
    .map((pid) => readProcess(Number(pid)))
    .filter((reading) => reading !== undefined)
    .filter((reading) => !isZombie(reading));
}

/** Changes with every boot of the machine; empty where it is not known. */
export const bootId = (): string => readText('/proc/sys/kernel/random/boot_id')?.trim() ?? '';

const absent: ReadonlySet<string> = new Set(['ENOENT', 'ESRCH', 'EACCES', 'EPERM', 'ENOTDIR']);

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1');
  } catch (error) {
    // Gone between two looks, or no /proc at all. To be out of descriptors is no sign of that.
    if (absent.has((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
}
