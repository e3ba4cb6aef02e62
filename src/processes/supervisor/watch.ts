/**
 * Looks at all heartbeats, at /proc, and at its own lateness, on one timer; `core/health` judges, the slots act.
 * Also the source of the numbers in `status`: what an instance wrote last, and what it wrote ten seconds before.
 */
import { judge, verdictText } from '../../core/health.ts';
import type { HealthPolicy, Verdict } from '../../core/health.ts';
import { slotId } from '../../core/ids.ts';
import type { SlotEvent, SlotState } from '../../core/instance-state.ts';
import type { Clock, Timer } from '../../core/ports.ts';
import { bounds } from '../../core/bounds.ts';
import { readProcess } from '../../os/proc.ts';
import type { SlotRecord } from '../../os/statistics-slots.ts';
import { createSlots, slotFlag, SlotReader } from '../../os/statistics-slots.ts';
import type { Logger } from '../../telemetry/logger.ts';

export interface WatchNeeds {
  readonly path: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly slots: () => readonly SlotState[];
  readonly policy: (service: string) => HealthPolicy;
  readonly dispatch: (id: string, event: SlotEvent) => void;
  /** A predecessor's file is kept: instances write to it. */
  readonly isSuccessor: boolean;
}

/** One look at one instance. */
export interface Sample {
  readonly at: number;
  readonly record: SlotRecord;
  readonly cpuTicks: number | undefined;
}

interface Watched {
  readonly epoch: number;
  /** Oldest first, one a second, ten at most. */
  samples: Sample[];
  ticksWhenStale: number | undefined;
}

const periodMs = 500;
const sampleMs = 1_000;
const mostSamples = 11;

export class Watch {
  readonly #needs: WatchNeeds;
  readonly #indexes = new Map<string, number>();
  readonly #watched = new Map<string, Watched>();
  #reader: SlotReader;
  #timer: Timer | undefined;
  #lastTick: number;
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

  /** Newest last; empty when this epoch has not written yet. */
  samples(slot: SlotState): readonly Sample[] {
    const watched = this.#watched.get(slotId(slot));
    return watched?.epoch === slot.epoch ? watched.samples : [];
  }

  close(): void {
    this.#timer?.cancel();
    this.#reader.close();
  }

  #later(): void {
    this.#timer = this.#needs.clock.after(periodMs, () => {
      this.#tick();
      this.#later();
    });
  }

  #tick(): void {
    const now = this.#needs.clock.now();
    const late = now - this.#lastTick > 3 * periodMs;
    this.#lastTick = now;
    if (late)
      this.#needs.log.warn('The supervisor was held up: nobody is judged by the time it lost', {
        event: 'supervisor-stalled',
      });
    const records = this.#readAll();
    for (const slot of this.#needs.slots()) {
      const index = this.#indexes.get(slotId(slot));
      const record = index === undefined ? undefined : records[index];
      if (slot.pid !== null) this.#look(slot, isOf(slot, record) ? record : undefined, { now, late });
    }
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

  #look(slot: SlotState, record: SlotRecord | undefined, tick: { now: number; late: boolean }): void {
    const id = slotId(slot);
    let watched = this.#watched.get(id);
    if (watched?.epoch !== slot.epoch) {
      watched = { epoch: slot.epoch, samples: [], ticksWhenStale: undefined };
      this.#watched.set(id, watched);
    }
    if (record !== undefined) this.#keep(watched, slot, { at: tick.now, record });
    // Before it serves, its start timeout is what counts; while it ends, the stop's.
    if (slot.state === 'ready' || slot.state === 'unready') this.#judge(slot, watched, { ...tick, record });
  }

  #keep(watched: Watched, slot: SlotState, seen: { at: number; record: SlotRecord }): void {
    const last = watched.samples.at(-1);
    if (last !== undefined && seen.at - last.at < sampleMs - periodMs / 2) return;
    const cpuTicks = slot.pid === null ? undefined : readProcess(slot.pid)?.cpuTicks;
    watched.samples = [...watched.samples, { ...seen, cpuTicks }].slice(-mostSamples);
  }

  #judge(
    slot: SlotState,
    watched: Watched,
    seen: { now: number; late: boolean; record: SlotRecord | undefined },
  ): void {
    const policy = this.#needs.policy(slot.service);
    // Not readable now, or the file was just made: silence counts from what was seen last, not from the day it became ready.
    const seenLast = Math.max(
      slot.readyAt ?? seen.now,
      this.#madeAt,
      watched.samples.at(-1)?.record.beatAt ?? 0,
    );
    const beatAt = seen.record?.beatAt ?? seenLast;
    const inspected = seen.record !== undefined && (seen.record.flags & slotFlag.inspectorAttached) !== 0;
    const isStale = seen.now - beatAt > policy.staleAfter;
    const reading = isStale && slot.pid !== null ? readProcess(slot.pid) : undefined;
    // The first look at a stale one has nothing to compare with: then the last sample is what it did.
    const before = watched.ticksWhenStale ?? watched.samples.at(-1)?.cpuTicks;
    const progressed = reading !== undefined && before !== undefined && reading.cpuTicks > before;
    watched.ticksWhenStale = reading?.cpuTicks;
    const verdict = judge(
      { now: seen.now, beatAt, processState: reading?.state, progressed, lenient: seen.late || inspected },
      policy,
    );
    this.#act(slot, verdict);
  }

  #act(slot: SlotState, verdict: Verdict): void {
    const id = slotId(slot);
    if (verdict.verdict === 'alive') {
      if (slot.state === 'unready' && staleReason.test(slot.reason))
        this.#needs.dispatch(id, { type: 'fit' });
    } else if (verdict.verdict === 'kill')
      this.#needs.dispatch(id, { type: 'kill', reason: verdictText(verdict) });
    // The seconds in the text change with every look; one transition is enough.
    else if (slot.state === 'ready')
      this.#needs.dispatch(id, { type: 'unfit', reason: verdictText(verdict) });
  }
}

/** A place is given out again: what an earlier process left there may have the same epoch. */
const isOf = (slot: SlotState, record: SlotRecord | undefined): boolean =>
  record?.epoch === slot.epoch && record.pid === slot.pid;

/** What this watch said, and a fresh beat takes back; a failing `check()` is taken back by the check. */
const staleReason = /, for \d+\.\d s$/;
