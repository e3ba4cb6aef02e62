/**
 * Process groups: every instance leads its own, so that what it started can be ended with it.
 * Used by the keeper and the supervisor. A child that left the group on purpose (setsid) is out of reach.
 * Where there is no /proc, zombies cannot be told from the living and count as such: slower, never wrong.
 */
import type { Clock } from '../core/ports.ts';
import { hasProc, liveProcesses, type ProcessReading } from './proc.ts';

/** Members that live; zombies are none. `among` saves reading /proc again when several groups are asked for. */
export function groupMembers(
  group: number,
  among: readonly ProcessReading[] = liveProcesses(),
): ProcessReading[] {
  return among.filter((reading) => reading.group === group);
}

/** False when nobody is there any more (or nobody who is ours). */
export function signalGroup(group: number, signal: NodeJS.Signals | 0): boolean {
  // kill(-1) is everybody, kill(0) ourselves.
  if (!Number.isSafeInteger(group) || group <= 1)
    throw new RangeError(`${String(group)} is not a process group`);
  try {
    process.kill(-group, signal);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ESRCH' || code === 'EPERM') return false;
    throw error;
  }
}

interface KillOptions {
  readonly clock: Clock;
  /** A member in state D (a stalled disk) dies only when the kernel lets go of it. */
  readonly limitMs?: number;
}

/** SIGKILL to the groups again and again until they are empty; gives those that were not within the limit. */
export async function killGroups(groups: Iterable<number>, options: KillOptions): Promise<number[]> {
  const { clock, limitMs = 10_000 } = options;
  const until = clock.now() + limitMs;
  let left = stillThere(groups);
  for (let waitMs = 5; left.length > 0 && clock.now() < until; waitMs = Math.min(100, waitMs * 2)) {
    for (const group of left) signalGroup(group, 'SIGKILL');
    await new Promise<void>((resolve) => void clock.after(waitMs, resolve));
    left = stillThere(left);
  }
  return left;
}

/** The kernel's own answer first: it is cheap, only zombies count in it. */
function stillThere(groups: Iterable<number>): number[] {
  const found = [...groups].filter((group) => signalGroup(group, 0));
  if (!hasProc || found.length === 0) return found;
  try {
    const living = new Set(liveProcesses().map((reading) => reading.group));
    return found.filter((group) => living.has(group));
  } catch {
    return found; // out of descriptors: ask again
  }
}
