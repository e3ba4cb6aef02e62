/**
 * The runs of one instance: those it has in hand, and how the last ones ended. An end may have been told to an owner of the store that was gone by then; the next
 * one asks for it. Who stops is asked by nobody any more, and tells it himself.
 */
import { bounds } from '../core/bounds.ts';
import { isTuttiError } from '../core/errors.ts';
import type { TuttiError } from '../core/errors.ts';
import type { Clock } from '../core/ports.ts';
import type { HowJobWent, JobRun } from '../mesh/kept-job.ts';

/** What is to be done of a job that came. */
export interface RunDeeds {
  readonly begin: (signal: AbortSignal) => Promise<HowJobWent>;
  /** Writes into the store how it went; `back`: it does not count. The same one for all of a queue: it is kept with each end. */
  readonly tell: (run: JobRun, went: HowJobWent | 'back') => Promise<unknown>;
}

interface HeldRun extends JobRun {
  readonly abort: AbortController;
  readonly went: Promise<HowJobWent>;
  readonly tell: RunDeeds['tell'];
  /** Owners of the store that wait for its end. */
  callers: number;
  /** One of them did when it ended. */
  isHeard: boolean;
}

interface EndedRun extends JobRun {
  readonly went: HowJobWent;
  readonly tell: RunDeeds['tell'];
  readonly isHeard: boolean;
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

  /** Resolves when nothing runs any more and all of it is told, with false when `signal` aborts before. */
  async drain(signal: AbortSignal): Promise<boolean> {
    const unheard = [...this.#ended.values()].filter(({ isHeard }) => !isHeard);
    const ends = unheard.map((run) => run.tell(runOf(run), run.went).catch(() => undefined));
    const runs = [...this.#running.values()].map(async (run) => {
      const went = await Promise.race([run.went, aborted(run.abort.signal)]);
      // It is nobody's any more, or its end is on its way already.
      if (went !== undefined && !run.isHeard) await run.tell(runOf(run), went).catch(() => undefined);
    });
    const all = Promise.all([...ends, ...runs]).then(() => true);
    return (await Promise.race([all, aborted(signal)])) === true;
  }

  /** What still runs is given back: it did not count. */
  async release(error: TuttiError): Promise<void> {
    const running = [...this.#running.values()].filter(({ abort }) => !abort.signal.aborted);
    const told = running.filter(({ callers }) => callers === 0).map((run) => run.tell(runOf(run), 'back'));
    for (const { abort } of running) abort.abort(error);
    this.#released = error;
    for (const giveBack of this.#waiting) giveBack(error);
    await Promise.allSettled(told);
  }

  /** Begins it, waits for the one that was begun, or tells how it ended. `signal`: of the call. */
  async take(job: JobRun, signal: AbortSignal, deeds: RunDeeds): Promise<HowJobWent> {
    const key = keyOf(job);
    const ended = this.#ended.get(key);
    if (ended !== undefined) return ended.went;
    if (this.#released !== undefined) throw this.#released;
    const run = this.#running.get(key) ?? this.#begin(job, deeds);
    run.callers += 1;
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
      run.callers -= 1;
    }
  }

  #begin(job: JobRun, { begin, tell }: RunDeeds): HeldRun {
    const abort = new AbortController();
    const run: HeldRun = {
      ...runOf(job),
      abort,
      went: begin(abort.signal),
      tell,
      callers: 0,
      isHeard: false,
    };
    const key = keyOf(run);
    this.#running.set(key, run);
    void run.went.then((went) => {
      this.#running.delete(key);
      run.isHeard = run.callers > 0;
      // Nobody asks for what was taken back.
      if (!abort.signal.aborted) this.#keep(key, run, went);
    });
    return run;
  }

  #keep(key: string, run: HeldRun, went: HowJobWent): void {
    const bytes = 'result' in went ? went.result.length : went.failed.length;
    const now = this.#clock.now();
    const { tell, isHeard } = run;
    this.#ended.set(key, { ...runOf(run), went, tell, isHeard, bytes, at: now });
    this.#endedBytes += bytes;
    for (const [oldest, { bytes: size, at }] of this.#ended) {
      const isFull = this.#ended.size > bounds.jobEnds || this.#endedBytes > bounds.jobEndBytes;
      if (!isFull && at > now - bounds.jobEndMs) return;
      this.#ended.delete(oldest);
      this.#endedBytes -= size;
    }
  }
}

const aborted = (signal: AbortSignal): Promise<undefined> =>
  new Promise((done) => {
    if (signal.aborted) done(undefined);
    signal.addEventListener(
      'abort',
      () => {
        done(undefined);
      },
      { once: true },
    );
  });
