/**
 * Reads behind what instances write to their spools, and makes lines of the app's one stream of it, in the order of their times
 * as far as one turn of reading goes. A service is never blocked by who reads.
 */
import { setImmediate } from 'node:timers/promises';
import { instanceId, slotId } from '../../core/ids.ts';
import type { SlotState } from '../../core/instance-state.ts';
import type { NewLogLine } from '../../core/log-line.ts';
import { orderLines } from '../../core/order-lines.ts';
import type { Clock, Timer } from '../../core/ports.ts';
import { isDiskFull } from '../../os/spool.ts';
import type { JoinedLine } from '../../telemetry/line-joiner.ts';
import { readLogLine } from '../../telemetry/read-log-line.ts';
import type { LogHub } from './log-hub.ts';
import { SpoolOffsets } from './spool-offsets.ts';
import { spoolPaths } from './spool-paths.ts';
import { SpoolTail } from './spool-tail.ts';

export interface SpoolTailsNeeds {
  readonly stateDir: string;
  readonly clock: Clock;
  readonly hub: LogHub;
  /** Who runs in a slot now: its output carries that epoch. */
  readonly slot: (id: string) => SlotState | undefined;
}

/** A line on its way to the stream. */
interface Read {
  readonly time: number;
  readonly line: NewLogLine;
  /** Of its text, as it was written. */
  readonly chars: number;
}

const pollMs = 50;
/** While nobody writes: looking at all files is half of what a supervisor at rest costs. */
const quietPollMs = 200;
const quietTurns = 20;
/** For reading in one turn: a flood must not keep the supervisor from its heartbeats. */
const turnMs = 25;
/** The same in characters, as the stream shows them: what follows the stream gets a turn as a whole. */
const turnSize = 2 * 1_024 * 1_024;
const lineOverhead = 200;
/** After a turn that was too short for all there is. */
const againMs = 10;
const saveEveryMs = 1_000;
/** What a successor has to read again at most, beside what came since the last save. */
const saveEveryLines = 20_000;
/** More than a spool keeps: who reads to the end of a file that somebody still writes must come to one. */
const mostPieces = 2_048;

/** Reads the spools of all slots, on one timer, and remembers on disk how far. */
export class SpoolTails {
  readonly #needs: SpoolTailsNeeds;
  readonly #tails = new Map<string, SpoolTail[]>();
  readonly #offsets: SpoolOffsets;
  #savedAt = 0;
  #isSaving = false;
  /** Lines since the last save. */
  #unsaved = 0;
  /** Turns in a row that found nothing. */
  #quiet = 0;
  /** Whose turn it is. */
  #next = 0;
  /** Said once in a while, not for every file. */
  #isDiskBad = false;
  #isDiskFull = false;
  #timer: Timer | undefined;

  constructor(needs: SpoolTailsNeeds) {
    this.#needs = needs;
    this.#offsets = new SpoolOffsets(needs.stateDir);
    this.#later(pollMs);
  }

  watch(slot: { readonly service: string; readonly slot: number }): void {
    const id = slotId(slot);
    if (this.#tails.has(id)) return;
    const { out, err } = spoolPaths(this.#needs.stateDir, slot);
    const of = { id, service: slot.service };
    const tails = [
      new SpoolTail({ ...of, stream: 'stdout', path: out, offset: this.#offsets.get(out) }),
      new SpoolTail({ ...of, stream: 'stderr', path: err, offset: this.#offsets.get(err) }),
    ];
    for (const tail of tails) this.#open(tail);
    this.#tails.set(id, tails);
  }

  /** Of a process that has ended: all that it wrote, what it did not end as a line too. Gives way to others on the way. */
  async finish(id: string): Promise<void> {
    for (const tail of this.#tails.get(id) ?? []) {
      for (let pieces = 0; pieces < mostPieces; pieces += 1) {
        const { lines, didRead } = this.#read(tail);
        this.#add([lines]);
        if (!didRead) break;
        await (this.#needs.hub.isBehind ? this.#needs.hub.settled() : setImmediate());
      }
      this.#add([this.#linesOf(tail, tail.end())]);
    }
  }

  /** Of a slot that is no more. */
  forget(id: string): void {
    this.#save(this.#given(), true);
    for (const tail of this.#tails.get(id) ?? []) tail.close();
    this.#tails.delete(id);
  }

  close(): void {
    this.#timer?.cancel();
    for (const tail of this.#all())
      for (let pieces = 0; pieces < mostPieces; pieces += 1) {
        const { lines, didRead } = this.#read(tail);
        this.#add([lines]);
        if (!didRead) break;
      }
    for (const tail of this.#all()) this.#add([this.#linesOf(tail, tail.end())]);
    this.#save(this.#given(), true);
    for (const tail of this.#all()) tail.close();
    this.#tails.clear();
  }

  #all(): SpoolTail[] {
    return [...this.#tails.values()].flat();
  }

  #open(tail: SpoolTail): void {
    try {
      tail.open();
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      if (!this.#isDiskBad) this.#needs.hub.logger().error('Output cannot be read', { reason });
      this.#isDiskBad = true;
    }
  }

  #later(ms: number): void {
    this.#timer = this.#needs.clock.after(ms, () => {
      const isMore = this.#takeTurn();
      const isDue = this.#needs.clock.now() - this.#savedAt > saveEveryMs;
      if (isDue) this.#tend();
      if (isDue || this.#unsaved > saveEveryLines) void this.#saveSoon();
      this.#later(isMore ? againMs : this.#quiet < quietTurns ? pollMs : quietPollMs);
    });
  }

  /** A piece of each file in a circle, until there is nothing more or the turn is over; the next one goes on from there. */
  #takeTurn(): boolean {
    const { clock, hub } = this.#needs;
    const tails = this.#all();
    const found = new Map<SpoolTail, Read[]>();
    const until = clock.now() + turnMs;
    let idle = 0;
    let size = 0;
    while (idle < tails.length && clock.now() < until && size < turnSize && !hub.isBehind) {
      this.#next = (this.#next + 1) % tails.length;
      const tail = tails[this.#next];
      if (tail === undefined) break;
      const { lines, didRead } = this.#read(tail);
      const before = found.get(tail);
      if (before === undefined) found.set(tail, lines);
      for (const line of lines) {
        before?.push(line);
        size += line.chars + lineOverhead;
      }
      idle = didRead ? 0 : idle + 1;
    }
    this.#add([...found.values()]);
    this.#quiet = size > 0 ? 0 : this.#quiet + 1;
    return idle < tails.length;
  }

  #read(tail: SpoolTail): { readonly lines: Read[]; readonly didRead: boolean } {
    const { lines, lost, didRead } = tail.read();
    this.#tellLost(tail, lost);
    return { lines: this.#linesOf(tail, lines), didRead };
  }

  #tellLost({ id: instance }: SpoolTail, bytes: number): void {
    if (bytes === 0) return;
    this.#needs.hub.logger().warn('Output was cut: more was written than is kept', { instance, bytes });
  }

  #linesOf(tail: SpoolTail, lines: readonly JoinedLine[]): Read[] {
    if (lines.length === 0) return [];
    const { id, service, stream } = tail;
    const { clock, slot } = this.#needs;
    const current = slot(id);
    const origin = {
      ...{ service, stream, now: clock.wall() },
      ...(current === undefined ? { instance: id } : { instance: instanceId(current), epoch: current.epoch }),
    };
    return lines.map(({ text, end, stack }) => {
      const line = readLogLine(text, origin, { at: tail.placeOf(end), stack });
      return { time: line.time, line, chars: (stack ?? text).length };
    });
  }

  #add(sources: readonly (readonly Read[])[]): void {
    for (const { line, chars } of orderLines(sources)) {
      this.#needs.hub.add(line, chars);
      this.#unsaved += 1;
    }
  }

  #tend(): void {
    this.#savedAt = this.#needs.clock.now();
    this.#isDiskBad = false;
    for (const tail of this.#all()) if (!tail.isOpen) this.#open(tail);
    this.#tellFull(isDiskFull(this.#needs.stateDir));
  }

  /** Whoever loses output counts it, and says so when it can write again: until then this is all one can know. */
  #tellFull(isFull: boolean): void {
    if (isFull === this.#isDiskFull) return;
    this.#isDiskFull = isFull;
    const log = this.#needs.hub.logger();
    if (isFull) log.error('The disk is full: output is lost', { folder: this.#needs.stateDir });
    else log.info('The disk has room again', { folder: this.#needs.stateDir });
  }

  #given(): Map<string, number> {
    return new Map(this.#all().map((tail) => [tail.path, tail.given]));
  }

  /** What was given counts as dealt with once it is where it shall stay: until then a successor reads it again. */
  async #saveSoon(): Promise<void> {
    if (this.#isSaving || this.#unsaved === 0) return;
    this.#isSaving = true;
    const given = this.#given();
    this.#unsaved = 0;
    await this.#needs.hub.settled();
    this.#isSaving = false;
    this.#save(given, false);
  }

  /** On a disk that is full nothing can be remembered, but room can be made. */
  #save(given: ReadonlyMap<string, number>, isLast: boolean): void {
    this.#offsets.save(given);
    if (isLast) return;
    for (const tail of this.#all()) {
      const offset = given.get(tail.path);
      if (offset !== undefined) this.#tellLost(tail, tail.release(offset));
    }
  }
}
