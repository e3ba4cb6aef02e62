/**
 * Reads behind what instances write to their spools, and makes lines of the app's one stream of it.
 * A service is never blocked by who reads.
 */
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
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
  readonly reader: SpoolReader;
  readonly splitter: LineSplitter;
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
/** Pieces of one file in one turn: a flood must not keep the supervisor from its heartbeats. */
const piecesPerTurn = 4;
const offsetsEveryMs = 1_000;

/** Reads the spools of all slots, on one timer, and remembers on disk how far. */
export class SpoolTails {
  readonly #needs: SpoolTailsNeeds;
  readonly #tails = new Map<string, Tail[]>();
  readonly #offsets: Map<string, number>;
  readonly #offsetsFile: string;
  #offsetsSavedAt = 0;
  #dirty = false;
  #timer: Timer | undefined;

  constructor(needs: SpoolTailsNeeds) {
    this.#needs = needs;
    mkdirSync(join(needs.stateDir, 'spool'), { recursive: true, mode: 0o700 });
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

  /** Reads what is there now: before a process's end is told, its last words are. */
  drain(id: string): void {
    for (const tail of this.#tails.get(id) ?? []) this.#read(tail, 64);
  }

  close(): void {
    this.#timer?.cancel();
    for (const id of this.#tails.keys()) this.drain(id);
    this.#save();
    for (const tail of [...this.#tails.values()].flat()) tail.reader.close();
  }

  #open(id: string, service: string, { stream, path }: { stream: Tail['stream']; path: string }): Tail {
    const offset = this.#offsets.get(path) ?? 0;
    const splitter = new LineSplitter(bounds.logLineBytes);
    return { id, service, stream, path, reader: new SpoolReader(path, offset), splitter, offset };
  }

  #later(): void {
    this.#timer = this.#needs.clock.after(pollMs, () => {
      for (const tail of [...this.#tails.values()].flat()) this.#read(tail, piecesPerTurn);
      if (this.#dirty && this.#needs.clock.now() - this.#offsetsSavedAt > offsetsEveryMs) this.#save();
      this.#later();
    });
  }

  #read(tail: Tail, mostPieces: number): void {
    const { clock, hub, slot } = this.#needs;
    for (let piece = 0; piece < mostPieces; piece += 1) {
      const { bytes, offset, lost } = tail.reader.read();
      if (lost > 0)
        hub
          .logger()
          .warn('Output was cut: more was written than is kept', { instance: tail.id, bytes: lost });
      if (bytes.length === 0) return;
      tail.offset = offset;
      this.#dirty = true;
      const now = clock.wall();
      const current = slot(tail.id);
      const instance = current === undefined ? tail.id : instanceId(current);
      for (const text of tail.splitter.push(bytes))
        hub.add(readLogLine(text, { instance, service: tail.service, stream: tail.stream, now }));
    }
  }

  /** A full disk must not end the supervisor: then a successor reads some lines twice. */
  #save(): void {
    for (const tail of [...this.#tails.values()].flat()) this.#offsets.set(tail.path, tail.offset);
    try {
      writeFileAtomic(this.#offsetsFile, JSON.stringify(Object.fromEntries(this.#offsets)));
      this.#dirty = false;
    } catch {
      // Tried again with the next lines.
    }
    this.#offsetsSavedAt = this.#needs.clock.now();
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
