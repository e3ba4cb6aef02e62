/**
 * The runs of one instance: those it has in hand, and how the last ones ended. An end may have been told to an owner of the store that was gone by then; the next
 * one asks for it.
 */
import { bounds } from '../core/bounds.ts';
import { isTuttiError } from '../core/errors.ts';
import type { TuttiError } from '../core/errors.ts';
import type { Clock } from '../core/ports.ts';
import type { HowJobWent, JobRun } from '../mesh/kept-job.ts';

interface HeldRun extends JobRun {
  readonly abort: AbortController;
  readonly went: Promise<HowJobWent>;
}

interface EndedRun extends JobRun {
  readonly went: HowJobWent;
  readonly bytes: number;
  readonly at: number;
}

const keyOf = ({ seq, run }: JobRun): string => `${String(seq)} ${String(run)}`;
const runOf = ({ seq, run }: JobRun): JobRun => ({ seq, run });

export class JobRuns {
  readonly #clock: Clock;
  readonly #running = new Map<string, HeldRun>();
  /** The oldest first. */
  readonly #ended = new Map<string, EndedRun>();
  #endedBytes = 0;
  /** Who waits for the end of a run. One promise for the stop that all of them raced with would keep what became of each. */
  readonly #waiting = new Set<(error: TuttiError) => void>();
  #released: TuttiError | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  held(): JobRun[] {
    return [...this.#running.values(), ...this.#ended.values()].map(runOf);
  }

  /** It was cancelled. */
  abort(run: JobRun, error: TuttiError): void {
    this.#running.get(keyOf(run))?.abort.abort(error);
  }

  /** What still runs is given back: it did not count. */
  release(error: TuttiError): void {
    for (const { abort } of this.#running.values()) abort.abort(error);
    this.#released = error;
    for (const giveBack of this.#waiting) giveBack(error);
  }

  /** Begins it, waits for the one that was begun, or tells how it ended. `signal`: of the call. */
  async take(
    job: JobRun,
    signal: AbortSignal,
    begin: (signal: AbortSignal) => Promise<HowJobWent>,
  ): Promise<HowJobWent> {
    const key = keyOf(job);
    const ended = this.#ended.get(key);
    if (ended !== undefined) return ended.went;
    const run = this.#running.get(key) ?? this.#begin(job, begin);
    if (this.#released !== undefined) throw this.#released;
    const { promise, resolve, reject } = Promise.withResolvers<HowJobWent>();
    run.went.then(resolve, reject);
    const onAbort = (): void => {
      const reason: unknown = signal.reason;
      // Otherwise its owner stops, or is gone, and the next one will ask for it.
      if (isTuttiError(reason, 'CALL_TIMED_OUT')) run.abort.abort(reason);
      reject(reason);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    this.#waiting.add(reject);
    try {
      return await promise;
    } finally {
      this.#waiting.delete(reject);
      signal.removeEventListener('abort', onAbort);
    }
  }

  #begin(job: JobRun, begin: (signal: AbortSignal) => Promise<HowJobWent>): HeldRun {
    const abort = new AbortController();
    const run: HeldRun = { ...runOf(job), abort, went: begin(abort.signal) };
    const key = keyOf(run);
    this.#running.set(key, run);
    void run.went.then((went) => {
      this.#running.delete(key);
      // Nobody asks for what was taken back.
      if (!abort.signal.aborted) this.#keep(key, run, went);
    });
    return run;
  }

  #keep(key: string, run: JobRun, went: HowJobWent): void {
    const bytes = 'result' in went ? went.result.length : went.failed.length;
    const now = this.#clock.now();
    this.#ended.set(key, { ...runOf(run), went, bytes, at: now });
    this.#endedBytes += bytes;
    for (const [oldest, { bytes: size, at }] of this.#ended) {
      const isFull = this.#ended.size > bounds.jobEnds || this.#endedBytes > bounds.jobEndBytes;
      if (!isFull && at > now - bounds.jobEndMs) return;
      this.#ended.delete(oldest);
      this.#endedBytes -= size;
    }
  }
}
