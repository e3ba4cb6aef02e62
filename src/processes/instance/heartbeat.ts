/**
 * Writes the heartbeat and the statistics of this instance into its slot, from a timer of its own event loop:
 * a loop that is blocked shows as a slot that grows old. No message is sent.
 */
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import type { Clock, Timer } from '../../core/ports.ts';
import type { CallerStats } from '../../mesh/caller.ts';
import type { ResponderStats } from '../../mesh/responder.ts';
import { readProcess } from '../../os/proc.ts';
import type { SlotRecord } from '../../os/statistics-slots.ts';
import { slotFlag, SlotWriter } from '../../os/statistics-slots.ts';
import { MemoryReading } from './memory-reading.ts';

export interface HeartbeatNeeds {
  readonly path: string;
  readonly index: number;
  readonly epoch: number;
  readonly beatMs: number;
  readonly clock: Clock;
  /** Undefined until it serves. */
  readonly stats: () => ResponderStats | undefined;
  readonly calls: () => Pick<CallerStats, 'calls' | 'retries'> | undefined;
  /** What else is looked at as often: a timer of its own would cost an idle instance as much again. */
  readonly onBeat: () => void;
}

/** Of a call in a pool, or a job that is isolated; see `SlotRecord`. */
export type CallNote = Pick<
  SlotRecord,
  'poolCalls' | 'callAction' | 'callEndsBy' | 'callUnwanted' | 'callNumber'
>;

const nanosecondsPerMs = 1e6;
/** A timer of its own: at 20 ms it was two thirds of what an idle instance costs. */
const delayResolutionMs = 50;

export class Heartbeat {
  readonly #needs: HeartbeatNeeds;
  readonly #writer: SlotWriter;
  readonly #memory = new MemoryReading();
  readonly #startTime = readProcess(process.pid)?.startTime ?? 0;
  readonly #delay: ReturnType<typeof monitorEventLoopDelay>;
  #utilisation = performance.eventLoopUtilization();
  #timer: Timer | undefined;
  #call: CallNote = { poolCalls: 0, callAction: 0, callEndsBy: 0, callUnwanted: 0, callNumber: 0 };
  #last: SlotRecord | undefined;

  /** The first beat is written at once. */
  constructor(needs: HeartbeatNeeds) {
    this.#needs = needs;
    this.#writer = new SlotWriter(needs.path, needs.index);
    this.#delay = monitorEventLoopDelay({ resolution: delayResolutionMs });
    this.#delay.enable();
    this.#beat();
  }

  /** Written at once, and without a beat: what comes next may hold the event loop for ever. */
  note(call: Partial<CallNote>): void {
    this.#call = { ...this.#call, ...call };
    if (this.#last !== undefined) this.#writer.write({ ...this.#last, ...this.#call });
  }

  close(): void {
    this.#timer?.cancel();
    this.#last = undefined;
    this.#delay.disable();
    this.#writer.close();
  }

  /** Not asked at the first beat: that would load node:inspector in every start, when nobody can have attached yet. */
  #isDebugged(): boolean {
    return this.#timer !== undefined && process.getBuiltinModule('node:inspector').url() !== undefined;
  }

  #beat(): void {
    const { clock, beatMs, epoch, stats, calls } = this.#needs;
    const memory = this.#memory.now();
    const utilisation = performance.eventLoopUtilization();
    const served = stats();
    const made = calls();
    // The histogram measures whole intervals; what is over its resolution is the delay.
    const delayMs = (nanoseconds: number): number =>
      Math.max(0, nanoseconds / nanosecondsPerMs - delayResolutionMs);
    this.#last = {
      ...this.#call,
      ...{ epoch, pid: process.pid, startTime: this.#startTime, beatAt: clock.now() },
      loopDelayP99Ms: delayMs(this.#delay.percentile(99)),
      loopDelayMaxMs: delayMs(this.#delay.max),
      utilisation: performance.eventLoopUtilization(utilisation, this.#utilisation).utilization,
      ...{ rssBytes: memory.rss, heapBytes: memory.heapUsed },
      inFlight: served?.inFlight ?? 0,
      queued: served?.queued ?? 0,
      requests: served?.requests ?? 0,
      errors: served?.errors ?? 0,
      flags: this.#isDebugged() ? slotFlag.inspectorAttached : 0,
      fullness: served?.fullness ?? 0,
      taken: (served?.requests ?? 0) + (served?.events ?? 0),
      waitedMs: served?.waitedMs ?? 0,
      rejected: served?.rejected ?? 0,
      calls: made?.calls ?? 0,
      retries: made?.retries ?? 0,
      latency: served?.latency ?? [],
    };
    this.#writer.write(this.#last);
    this.#delay.reset();
    this.#utilisation = utilisation;
    this.#needs.onBeat();
    this.#timer = clock.after(beatMs, () => {
      this.#beat();
    });
  }
}
