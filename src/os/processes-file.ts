/**
 * `<run>/processes`: who the keeper started and whose group is not yet gone, one line per spawn and exit.
 * Written by the keeper; read only by the sweep of the next keeper, when this one died without a word.
 */
import {
  appendFileSync,
  closeSync,
  constants,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../core/ports.ts';
import { killGroups } from './process-groups.ts';
import { bootId, hasProc, liveProcesses, type ProcessReading } from './proc.ts';

interface ProcessEntry {
  readonly pid: number;
  readonly startTime: number;
  readonly pgid: number;
  readonly key: string;
}

interface Line extends ProcessEntry {
  /** Start times are counted from the boot, and a file in /tmp may outlive it. */
  readonly boot: string;
  readonly gone?: true;
}

/** Lines of those that are gone, beyond which the file is written anew. */
const staleLines = 1_000;
const appending = constants.O_CREAT | constants.O_APPEND | constants.O_WRONLY | constants.O_NOFOLLOW;

const pathIn = (runDir: string): string => join(runDir, 'processes');

/** Starts empty: whoever opens it has swept before. */
export class ProcessesFile {
  readonly #path: string;
  readonly #boot = bootId();
  readonly #living = new Map<number, ProcessEntry>();
  #fd = -1;
  #isClosed = false;
  #stale = 0;

  constructor(runDir: string) {
    this.#path = pathIn(runDir);
    this.#renew();
  }

  spawned(entry: ProcessEntry): void {
    this.#living.set(entry.pid, entry);
    this.#append({ ...entry, boot: this.#boot });
  }

  /** To be said when the whole group is empty, not when its leader is: the sweep would not look for the rest. */
  gone(pid: number): void {
    const entry = this.#living.get(pid);
    if (entry === undefined) return;
    this.#living.delete(pid);
    this.#stale++;
    this.#append({ ...entry, boot: this.#boot, gone: true });
  }

  close(): void {
    if (this.#fd >= 0) closeSync(this.#fd);
    this.#isClosed = true;
  }

  /** A full disk must not cost the keeper: then the file is behind, and written anew at the next chance. */
  #append(line: Line): void {
    if (this.#isClosed) return;
    try {
      if (this.#stale > staleLines) this.#renew();
      else appendFileSync(this.#fd, `${JSON.stringify(line)}\n`);
    } catch {
      this.#stale = Infinity;
    }
  }

  #renew(): void {
    const entries = [...this.#living.values()];
    const lines = entries.map((entry) => `${JSON.stringify({ ...entry, boot: this.#boot })}\n`);
    const temporary = `${this.#path}.tmp`;
    rmSync(temporary, { force: true });
    writeFileSync(temporary, lines.join(''), { mode: 0o600, flag: 'wx' });
    renameSync(temporary, this.#path);
    const fd = openSync(this.#path, appending, 0o600);
    if (this.#fd >= 0) closeSync(this.#fd);
    this.#fd = fd;
    this.#stale = 0;
  }
}

interface Swept {
  readonly killed: readonly ProcessEntry[];
  /** Process groups that did not go in time. */
  readonly left: readonly number[];
}

/**
 * Ends what a dead keeper left behind and waits until it is gone. Without /proc (macOS) nobody can be told from a
 * stranger who got the same pid, so nobody is signalled: there the lifeline's end is all that stops instances.
 */
export async function sweep(runDir: string, clock: Clock): Promise<Swept> {
  if (!hasProc) return { killed: [], left: [] };
  const living = liveProcesses();
  const killed = readEntries(runDir).filter((entry) => isStillOurs(entry, living));
  const left = await killGroups(new Set(killed.map((entry) => entry.pgid)), { clock });
  return { killed, left };
}

/**
 * While the leader lives, its start time decides. When it is gone but its group is not, members are ours if they are of
 * the session that we made and no older than the leader was: the kernel gives out no pid that still names a group or a
 * session, so a stranger would have had to get the number after our group was empty, lead a session under it, and die.
 */
export function isStillOurs(entry: ProcessEntry, living: readonly ProcessReading[]): boolean {
  const leader = living.find((reading) => reading.pid === entry.pid);
  if (leader !== undefined) return leader.startTime === entry.startTime && leader.group === entry.pgid;
  return living.some(
    (reading) =>
      reading.group === entry.pgid && reading.session === entry.pgid && reading.startTime >= entry.startTime,
  );
}

function readEntries(runDir: string): ProcessEntry[] {
  let text: string;
  try {
    text = readFileSync(pathIn(runDir), 'utf8');
  } catch {
    return [];
  }
  const boot = bootId();
  const entries = new Map<number, ProcessEntry>();
  for (const line of text.split('\n').map(parseLine)) {
    if (line?.boot !== boot) continue;
    if (line.gone === true) entries.delete(line.pid);
    else entries.set(line.pid, line);
  }
  return [...entries.values()];
}

/** A last line may be cut off, and anything else that is not ours says nothing. */
function parseLine(text: string): Line | undefined {
  try {
    const { pid, startTime, pgid, key, boot, gone } = JSON.parse(text) as Record<keyof Line, unknown>;
    if (![pid, startTime, pgid].every((value) => Number.isSafeInteger(value))) return undefined;
    if (Number(pid) <= 1 || Number(pgid) <= 1 || typeof key !== 'string' || typeof boot !== 'string')
      return undefined;
    const entry = { pid: Number(pid), startTime: Number(startTime), pgid: Number(pgid), key, boot };
    return gone === true ? { ...entry, gone } : entry;
  } catch {
    return undefined;
  }
}
