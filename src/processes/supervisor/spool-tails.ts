/**
 * Reads behind what instances write to their spools, and makes lines of the app's one stream of it.
 * A service is never blocked by who reads.
 */
import { mkdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { bounds } from '../../core/bounds.ts';
import { instanceId, slotId } from '../../core/ids.ts';
import type { SlotState } from '../../core/instance-state.ts';
import type { Clock, Timer } from '../../core/ports.ts';
import { isPlainObject } from '../../core/options.ts';
import { writeFileAtomic } from '../../os/atomic-file.ts';
import { SpoolReader } from '../../os/spool.ts';
import { LineSplitter } from '../../telemetry/line-splitter.ts';
import { readLogLine } from '../../telemetry/read-log-line.ts';
import type { LogHub } from './log-hub.ts';
import { spoolPaths } from './spool-paths.ts';

interface Tail {
  readonly id: string;
  readonly service: string;
  readonly stream: 'stdout' | 'stderr';
  readonly path: string;
  readonly splitter: LineSplitter;
  /** Undefined while the file cannot be opened: a full disk or one that can only be read. */
  reader: SpoolReader | undefined;
  offset: number;
}

export interface SpoolTailsNeeds {
  readonly stateDir: string;
  readonly clock: Clock;
  readonly hub: LogHub;
  /** Who runs in a slot now: its output carries that epoch. */
  readonly slot: (id: string) => SlotState | undefined;
}

const pollMs = 50;
/** For reading in one turn: a flood must not keep the supervisor from its heartbeats. */
const turnMs = 25;
const offsetsEveryMs = 1_000;
/** More than a spool keeps: who reads to the end of a file that somebody still writes must come to one. */
const mostPieces = 1_024;

const nothing = { bytes: Buffer.alloc(0), offset: 0, lost: 0 };

/** Reads the spools of all slots, on one timer, and remembers on disk how far. */
export class SpoolTails {
  readonly #needs: SpoolTailsNeeds;
  readonly #tails = new Map<string, Tail[]>();
  readonly #offsets: Map<string, number>;
  readonly #offsetsFile: string;
  #savedAt = 0;
  /** Whose turn it is. */
  #next = 0;
  #dirty = false;
  /** Said once in a while, not for every file. */
  #isDiskBad = false;
  #timer: Timer | undefined;

  constructor(needs: SpoolTailsNeeds) {
    this.#needs = needs;
    this.#offsetsFile = join(needs.stateDir, 'spool', 'offsets.json');
    this.#offsets = readOffsets(this.#offsetsFile);
    this.#later();
  }

  watch(slot: { readonly service: string; readonly slot: number }): void {
    const id = slotId(slot);
    if (this.#tails.has(id)) return;
    const paths = spoolPaths(this.#needs.stateDir, slot);
    this.#tails.set(id, [
      this.#open(id, slot.service, { stream: 'stdout', path: paths.out }),
      this.#open(id, slot.service, { stream: 'stderr', path: paths.err }),
    ]);
  }

  /** Of a process that has ended: all that it wrote, what it did not end as a line too. Gives way to others on the way. */
  async finish(id: string): Promise<void> {
    for (const tail of this.#tails.get(id) ?? []) {
      for (let pieces = 0; pieces < mostPieces && this.#read(tail); pieces += 1) await setImmediate();
      this.#add(tail, tail.splitter.end());
    }
  }

  /** Of a slot that is no more. */
  forget(id: string): void {
    for (const tail of this.#tails.get(id) ?? []) {
      tail.reader?.close();
      tail.reader = undefined;
      this.#offsets.set(tail.path, tail.offset);
    }
    this.#tails.delete(id);
  }

  close(): void {
    this.#timer?.cancel();
    for (const tail of this.#all())
      for (let pieces = 0; pieces < mostPieces && this.#read(tail);) pieces += 1;
    this.#save();
    for (const id of [...this.#tails.keys()]) this.forget(id);
  }

  #all(): Tail[] {
    return [...this.#tails.values()].flat();
  }

  #open(id: string, service: string, { stream, path }: { stream: Tail['stream']; path: string }): Tail {
    const offset = this.#offsets.get(path) ?? 0;
    const splitter = new LineSplitter(bounds.logLineBytes);
    const tail = { id, service, stream, path, splitter, reader: undefined, offset };
    this.#reopen(tail);
    return tail;
  }

  #reopen(tail: Tail): void {
    try {
      mkdirSync(dirname(tail.path), { recursive: true, mode: 0o700 });
      tail.reader = new SpoolReader(tail.path, tail.offset);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      if (!this.#isDiskBad) this.#needs.hub.logger().error('Output cannot be read', { reason });
      this.#isDiskBad = true;
    }
  }

  #later(): void {
    this.#timer = this.#needs.clock.after(pollMs, () => {
      this.#takeTurn();
      if (this.#needs.clock.now() - this.#savedAt > offsetsEveryMs) this.#tend();
      this.#later();
    });
  }

  /** A piece of each file in a circle, until there is nothing more or the turn is over; the next one goes on from there. */
  #takeTurn(): void {
    const { clock } = this.#needs;
    const tails = this.#all();
    const until = clock.now() + turnMs;
    for (let idle = 0; idle < tails.length && clock.now() < until;) {
      this.#next = (this.#next + 1) % tails.length;
      const tail = tails[this.#next];
      idle = tail !== undefined && this.#read(tail) ? 0 : idle + 1;
    }
  }

  /** One piece; whether there was one. */
  #read(tail: Tail): boolean {
    const { bytes, offset, lost } = tail.reader?.read() ?? nothing;
    if (lost > 0)
      this.#needs.hub
        .logger()
        .warn('Output was cut: more was written than is kept', { instance: tail.id, bytes: lost });
    if (bytes.length === 0) return false;
    tail.offset = offset;
    this.#dirty = true;
    this.#add(tail, tail.splitter.push(bytes));
    return true;
  }

  #add({ id, service, stream }: Tail, lines: readonly string[]): void {
    const { clock, hub, slot } = this.#needs;
    const now = clock.wall();
    const current = slot(id);
    const instance = current === undefined ? id : instanceId(current);
    for (const text of lines) hub.add(readLogLine(text, { instance, service, stream, now }), text.length);
  }

  #tend(): void {
    this.#isDiskBad = false;
    for (const tail of this.#all()) if (tail.reader === undefined) this.#reopen(tail);
    if (this.#dirty) this.#save();
    this.#savedAt = this.#needs.clock.now();
  }

  /** A full disk must not end the supervisor: then a successor reads some lines twice. */
  #save(): void {
    for (const tail of this.#all()) this.#offsets.set(tail.path, tail.offset);
    try {
      writeFileAtomic(this.#offsetsFile, JSON.stringify(Object.fromEntries(this.#offsets)));
      this.#dirty = false;
    } catch {
      // Tried again with the next lines.
    }
  }
}

function readOffsets(file: string): Map<string, number> {
  try {
    const value: unknown = JSON.parse(readFileSync(file, 'utf8'));
    if (!isPlainObject(value)) return new Map();
    return new Map(
      Object.entries(value).filter((entry): entry is [string, number] => Number.isSafeInteger(entry[1])),
    );
  } catch {
    return new Map();
  }
}
