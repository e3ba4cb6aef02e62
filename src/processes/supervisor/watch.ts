/**
 * Looks at all heartbeats, at /proc, and at its own lateness, on one timer; `core/health` judges, the slots act.
 * All records cost one `pread`; /proc is read seldom of who beats, and at each look of who does not.
 * Also the source of the numbers in `status`: what an instance wrote last, and what it wrote ten seconds before.
 */
import { bounds } from '../../core/bounds.ts';
import { eventOf, isLate, lookEveryMs } from '../../core/health.ts';
import type { HealthPolicy } from '../../core/health.ts';
import { slotId } from '../../core/ids.ts';
import type { Evidence, SlotEvent, SlotState } from '../../core/instance-state.ts';
import { samplesOverLimit } from '../../core/memory-limit.ts';
import type { Clock, Timer } from '../../core/ports.ts';
import type { SlotRecord } from '../../os/statistics-slots.ts';
import { createSlots, SlotReader } from '../../os/statistics-slots.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { WatchedInstance } from './watched-instance.ts';
import type { Look, Sample } from './watched-instance.ts';

export interface WatchNeeds {
  readonly path: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly slots: () => readonly SlotState[];
  readonly policy: (service: string) => HealthPolicy;
  /** `restart.memoryMax` of the service. Bytes. */
  readonly memoryMax?: (service: string) => number | undefined;
  readonly dispatch: (id: string, event: SlotEvent) => void;
  /** Once per process that has grown beyond it. */
  readonly onOverMemory?: (slot: SlotState, evidence: Evidence) => void;
  /** We were held up for so long; told at most every ten seconds, for all stalls since. */
  readonly onStalled?: (lateMs: number) => void;
  /** A predecessor's file is kept: instances write to it. */
  readonly isSuccessor: boolean;
}

const stallsToldEveryMs = 10_000;

export class Watch {
  readonly #needs: WatchNeeds;
  readonly #indexes = new Map<string, number>();
  readonly #watched = new Map<string, WatchedInstance>();
  #reader: SlotReader;
  #timer: Timer | undefined;
  #lastTick: number;
  #periodMs = lookEveryMs(Infinity);
  #lostMs = 0;
  #stallToldAt = -Infinity;
  /** When the file, or this watch, was made. */
  #madeAt: number;

  constructor(needs: WatchNeeds) {
    this.#needs = needs;
    if (!needs.isSuccessor) createSlots(needs.path, bounds.instances);
    this.#reader = new SlotReader(needs.path);
    this.#madeAt = needs.clock.now();
    this.#lastTick = this.#madeAt;
    this.#later();
  }

  /** The record in the file that is this slot's; given out once, and again to a successor by `claim`. */
  indexOf(id: string): number {
    const known = this.#indexes.get(id);
    if (known !== undefined) return known;
    const taken = new Set(this.#indexes.values());
    let index = 0;
    while (taken.has(index)) index += 1;
    this.#indexes.set(id, index);
    return index;
  }

  claim(id: string, index: number): void {
    this.#indexes.set(id, index);
  }

  release(id: string): void {
    this.#indexes.delete(id);
    this.#watched.delete(id);
  }

  /** Newest last; empty when this process has not written yet. */
  samples(slot: SlotState): readonly Sample[] {
    const watched = this.#watched.get(slotId(slot));
    return watched?.epoch === slot.epoch ? watched.samples : [];
  }

  /** What its process wrote last, read now. */
  record(slot: SlotState): SlotRecord | undefined {
    const index = this.#indexes.get(slotId(slot));
    const record = index === undefined ? undefined : this.#reader.read(index);
    return isOf(slot, record) ? record : undefined;
  }

  close(): void {
    this.#timer?.cancel();
    this.#reader.close();
  }

  #later(): void {
    this.#timer = this.#needs.clock.after(this.#periodMs, () => {
      this.#tick();
      this.#later();
    });
  }

  #tick(): void {
    const { clock, slots, policy } = this.#needs;
    const now = clock.now();
    const late = isLate(now - this.#lastTick, this.#periodMs);
    if (late) this.#noteStall(now - this.#lastTick - this.#periodMs, now);
    this.#lastTick = now;
    const records = this.#readAll();
    let shortest = Infinity;
    for (const slot of slots()) {
      if (slot.pid === null) continue;
      shortest = Math.min(shortest, policy(slot.service).staleAfter);
      const index = this.#indexes.get(slotId(slot));
      const record = index === undefined ? undefined : records[index];
      this.#look(slot, isOf(slot, record) ? record : undefined, { now, late, madeAt: this.#madeAt });
    }
    this.#periodMs = lookEveryMs(shortest);
  }

  /** A machine that holds us up at every look must not fill the log with it. */
  #noteStall(lostMs: number, now: number): void {
    this.#lostMs += lostMs;
    if (now - this.#stallToldAt < stallsToldEveryMs) return;
    const lateMs = Math.round(this.#lostMs);
    this.#stallToldAt = now;
    this.#lostMs = 0;
    this.#needs.log.warn('The supervisor was held up: nobody is judged by the time it lost', {
      event: 'supervisor-stalled',
      lateMs,
    });
    this.#needs.onStalled?.(lateMs);
  }

  #readAll(): (SlotRecord | undefined)[] {
    const records = this.#reader.readAll();
    if (!this.#reader.damaged) return records;
    this.#needs.log.warn('The statistics file was damaged and is made anew', {
      problem: this.#reader.problem,
    });
    this.#reader.close();
    createSlots(this.#needs.path, bounds.instances);
    this.#reader = new SlotReader(this.#needs.path);
    this.#madeAt = this.#needs.clock.now();
    return [];
  }

  #look(slot: SlotState, record: SlotRecord | undefined, look: Look): void {
    const watched = this.#watchedOf(slot);
    if (watched === undefined) return;
    if (record !== undefined) this.#keep(watched, slot, { record, now: look.now });
    // Before it serves, its start timeout is what counts; while it ends, the stop's.
    if (slot.state !== 'ready' && slot.state !== 'unready') return;
    const { service, readyAt } = slot;
    const verdict = watched.judge(record, look, { policy: this.#needs.policy(service), readyAt });
    const event = eventOf(slot, verdict);
    if (event !== undefined) this.#needs.dispatch(slotId(slot), event);
  }

  #watchedOf(slot: SlotState): WatchedInstance | undefined {
    const { pid, epoch } = slot;
    if (pid === null) return undefined;
    const known = this.#watched.get(slotId(slot));
    if (known?.epoch === epoch && known.pid === pid) return known;
    const watched = new WatchedInstance({ ...slot, pid });
    this.#watched.set(slotId(slot), watched);
    return watched;
  }

  #keep(
    watched: WatchedInstance,
    slot: SlotState,
    { record, now }: { readonly record: SlotRecord; readonly now: number },
  ): void {
    const maxBytes = this.#needs.memoryMax?.(slot.service);
    if (!watched.keep(record, now, maxBytes)) return;
    const { rssBytes, heapBytes } = record;
    this.#needs.onOverMemory?.(slot, { rssBytes, heapBytes, maxBytes, samples: samplesOverLimit });
  }
}

/** A place is given out again: what an earlier process left there may have the same epoch. */
const isOf = (slot: SlotState, record: SlotRecord | undefined): boolean =>
  record?.epoch === slot.epoch && record.pid === slot.pid;
