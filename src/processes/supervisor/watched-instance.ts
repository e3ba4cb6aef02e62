/**
 * What the watch remembers of one process: the last ten seconds of its record, its silence, when /proc was read. A later process in the
 * same slot is another one. Used by the watch; the rules are in `core/health` and `core/memory-limit`.
 */
import { deepLookAfterMs, isBad, judge } from '../../core/health.ts';
import type { HealthPolicy, Silence, Verdict } from '../../core/health.ts';
import type { SlotState } from '../../core/instance-state.ts';
import { newMemoryRun, weigh } from '../../core/memory-limit.ts';
import { groupCpuTicks, readProcess, tickMs } from '../../os/proc.ts';
import type { ProcessReading } from '../../os/proc.ts';
import type { SlotRecord } from '../../os/statistics-slots.ts';
import { slotFlag } from '../../os/statistics-slots.ts';

/** One look at one instance. */
export interface Sample {
  readonly at: number;
  readonly record: SlotRecord;
  /** Of one core, between the last two looks at /proc; undefined before the second. */
  readonly cpuPercent: number | undefined;
  /** What was counted a minute before, or as long ago as it is known. */
  readonly minuteAgo: Pick<SlotRecord, 'requests' | 'errors' | 'calls' | 'retries'>;
}

/** One look of the watch; the same for all instances. */
export interface Look {
  readonly now: number;
  readonly late: boolean;
  /** When the file, or the watch, was made: from before nobody knows anything. */
  readonly madeAt: number;
}

const sampleMs = 1_000;
/** A look may come a little before the second is over. */
const sampleSlackMs = 250;
const mostSamples = 11;
/** For the last minute a count every ten seconds will do. */
const countEveryMs = 10_000;
const mostCounts = 7;

export class WatchedInstance {
  readonly pid: number;
  readonly epoch: number;
  readonly #processStart: number;
  /** Oldest first, one a second, ten at most. */
  #samples: readonly Sample[] = [];
  /** Oldest first. */
  #counts: readonly (Sample['minuteAgo'] & { readonly at: number })[] = [];
  #silence: Silence | undefined;
  #freshInARow = 0;
  #deep: { readonly at: number; readonly ticks: number } | undefined;
  #deepAt = -Infinity;
  #cpuPercent: number | undefined;
  #memory = newMemoryRun;

  constructor(slot: SlotState & { readonly pid: number }) {
    this.pid = slot.pid;
    this.epoch = slot.epoch;
    this.#processStart = slot.processStart ?? 0;
  }

  get samples(): readonly Sample[] {
    return this.#samples;
  }

  /** Keeps what it wrote, once a second. True when that was one sample too many over the limit. */
  keep(record: SlotRecord, now: number, memoryMax: number | undefined): boolean {
    const last = this.#samples.at(-1);
    if (last !== undefined && now - last.at < sampleMs - sampleSlackMs) return false;
    const { requests, errors, calls, retries } = record;
    if (now - (this.#counts.at(-1)?.at ?? -Infinity) >= countEveryMs)
      this.#counts = [...this.#counts, { at: now, requests, errors, calls, retries }].slice(-mostCounts);
    const minuteAgo = this.#counts[0] ?? record;
    const sample = { at: now, record, cpuPercent: this.#cpuPercent, minuteAgo };
    this.#samples = [...this.#samples, sample].slice(-mostSamples);
    const { run, isOver } = weigh(this.#memory, record, memoryMax);
    this.#memory = run;
    return isOver;
  }

  judge(
    record: SlotRecord | undefined,
    look: Look,
    { policy, readyAt }: { readonly policy: HealthPolicy; readonly readyAt: number | null },
  ): Verdict {
    const { now, late } = look;
    // Not readable now, or the file was just made: silence counts from what was seen last, not from the day it became ready.
    const seenLast = Math.max(readyAt ?? now, look.madeAt, this.#silence?.beatAt ?? 0);
    const beatAt = record?.beatAt ?? seenLast;
    const isFresh = !isBad(now - beatAt, policy);
    this.#freshInARow = isFresh ? this.#freshInARow + 1 : 0;
    const process = this.#lookDeep(now);
    const judged = judge(
      this.#silence,
      {
        ...{ now, beatAt, late, processState: process?.state },
        cpuMs: process === undefined || isFresh ? undefined : groupCpuTicks(process) * tickMs,
        inspected: record !== undefined && (record.flags & slotFlag.inspectorAttached) !== 0,
      },
      policy,
    );
    this.#silence = judged.silence;
    return judged.verdict;
  }

  /** Undefined: not due, or gone. */
  #lookDeep(now: number): ProcessReading | undefined {
    if (now - this.#deepAt < deepLookAfterMs(this.#freshInARow)) return undefined;
    this.#deepAt = now;
    const found = this.#read();
    if (found === undefined) return undefined;
    const before = this.#deep;
    if (before === undefined || now - before.at >= sampleMs) {
      if (before !== undefined) this.#cpuPercent = percent(found.cpuTicks - before.ticks, now - before.at);
      this.#deep = { at: now, ticks: found.cpuTicks };
    }
    return found;
  }

  /** A pid is given out again: only what started when ours did is ours. */
  #read(): ProcessReading | undefined {
    try {
      const found = readProcess(this.pid);
      const isOurs = this.#processStart === 0 || found?.startTime === this.#processStart;
      return isOurs && found?.state !== 'Z' && found?.state !== 'X' ? found : undefined;
    } catch {
      // We are out of descriptors: that says nothing about it, and nobody is killed early on it.
      return undefined;
    }
  }
}

const percent = (ticks: number, ms: number): number => Math.round(((ticks * tickMs) / ms) * 1_000) / 10;
