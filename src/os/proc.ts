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

/** A tick of `cpuTicks`: Linux tells times to all programs in hundredths of a second. */
export const tickMs = 10;
/** Children of a process that are looked at. Beyond: not counted; some progress is progress enough. */
const mostMembers = 64;

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

/**
 * CPU time of a process, of its children that ended and were waited for, and of those of its group that live: a process that waits
 * for its child works too. Only to be compared with itself: what a child had falls away until its parent has seen its end.
 */
export function groupCpuTicks(leader: ProcessReading): number {
  let sum = 0;
  const found = [leader];
  for (const member of found) {
    sum += member.cpuTicks + reapedTicks(member.pid);
    const room = mostMembers - found.length;
    found.push(...childrenOf(member.pid, room).filter(({ group }) => group === leader.group));
  }
  return sum;
}

function childrenOf(pid: number, most: number): ProcessReading[] {
  const pids = readText(`/proc/${String(pid)}/task/${String(pid)}/children`)?.trim() ?? '';
  if (pids === '' || most <= 0) return [];
  const children = pids.split(' ').slice(0, most);
  return children.map((child) => readProcess(Number(child))).filter((child) => child !== undefined);
}

function reapedTicks(pid: number): number {
  const fields = fieldsOf(readText(`/proc/${String(pid)}/stat`) ?? '');
  return Number(fields[13] ?? 0) + Number(fields[14] ?? 0);
}

/** From the state on. The name before it stands in brackets and may hold brackets and blanks itself, so we count from the last one. */
const fieldsOf = (text: string): string[] => text.slice(text.lastIndexOf(')') + 2).split(' ');

export function parseStat(text: string): ProcessReading | undefined {
  const fields = fieldsOf(text);
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
