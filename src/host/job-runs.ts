/**
 * The runs of one instance: those it has in hand, and how the last ones ended. An end may have been told to an owner of the store that was gone by then; the next
 * one asks for it. Who stops is asked by nobody any more, and tells it himself.
 */
import { bounds } from '../core/bounds.ts';
import { isTuttiError } from '../core/errors.ts';
import type { TuttiError } from '../core/errors.ts';
import type { JobEnd } from '../core/isolation.ts';
import type { Clock, Timer } from '../core/ports.ts';
import type { HowJobWent, JobRun } from '../mesh/kept-job.ts';

/** A run that must end in time, with its process if it does not. */
export interface WatchedRun extends JobRun {
  readonly queue: string;
}

/** Is told synchronously, before the handler can hold the event loop. */
export interface RunWatcher {
  /** @param limitMs after which its signal aborts. */
  began(run: WatchedRun, limitMs: number): void;
  aborting(run: WatchedRun, why: JobEnd): void;
  ended(run: WatchedRun): void;
}

/** What is to be done of a job that came. */
export interface RunDeeds {
  readonly begin: (signal: AbortSignal) => Promise<HowJobWent>;
  /** Writes into the store how it went; `back`: it does not count. The same one for all of a queue: it is kept with each end. */
  readonly tell: (run: JobRun, went: HowJobWent | 'back') => Promise<unknown>;
  /** Undefined: it has as long as its caller waits. */
  readonly limit?: { readonly queue: string; readonly ms: number; readonly error: TuttiError } | undefined;
}

/** An owner of the store that waits for the end of a run. */
interface Waiter {
  readonly resolve: (went: HowJobWent) => void;
  readonly reject: (error: unknown) => void;
  readonly stopListening: () => void;
}

interface HeldRun extends JobRun {
  readonly abort: AbortController;
  readonly went: Promise<HowJobWent>;
  readonly tell: RunDeeds['tell'];
  readonly watched: WatchedRun | undefined;
  readonly waiters: Set<Waiter>;
  /** One of them did when it ended. */
  isHeard: boolean;
}

interface EndedRun extends JobRun {
  readonly key: string;
  readonly went: HowJobWent;
  readonly tell: RunDeeds['tell'];
  readonly isHeard: boolean;
  readonly bytes: number;
  readonly at: number;
}

const endOf = (error: TuttiError): JobEnd =>
  error.code === 'CALL_TIMED_OUT' ? 'timeout' : error.code === 'LEASE_LOST' ? 'lost' : 'cancelled';
const keyOf = ({ seq, run }: JobRun): string => `${String(seq)} ${String(run)}`;
const runOf = ({ seq, run }: JobRun): JobRun => ({ seq, run });

export class JobRuns {
  readonly #clock: Clock;
  readonly #watcher: RunWatcher | undefined;
  readonly #running = new Map<string, HeldRun>();
  readonly #ended = new Map<string, EndedRun>();
  /** The same, the oldest first: a Map that loses its first one again and again walks over all that it has lost. */
  readonly #inOrder: EndedRun[] = [];
  #endedBytes = 0;
  #released: TuttiError | undefined;

  constructor(clock: Clock, watcher?: RunWatcher) {
    this.#clock = clock;
    this.#watcher = watcher;
  }

  held(): JobRun[] {
    return [...this.#running.values(), ...this.#ended.values()].map(runOf);
  }

  /** It was cancelled, has had its time, or is another's. */
  abort(run: JobRun, error: TuttiError): void {
    const held = this.#running.get(keyOf(run));
    if (held === undefined || held.abort.signal.aborted) return;
    if (held.watched !== undefined) this.#watcher?.aborting(held.watched, endOf(error));
    held.abort.abort(error);
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
    const unheard = running.filter(({ waiters }) => waiters.size === 0);
    const told = unheard.map((run) => run.tell(runOf(run), 'back'));
    for (const { abort } of running) abort.abort(error);
    this.#released = error;
    for (const run of this.#running.values()) for (const { reject } of leave(run)) reject(error);
    await Promise.allSettled(told);
  }

  /** Begins it, waits for the one that was begun, or tells how it ended. `signal`: of the call. */
  take(job: JobRun, signal: AbortSignal, deeds: RunDeeds): Promise<HowJobWent> {
    const key = keyOf(job);
    const ended = this.#ended.get(key);
    if (ended !== undefined) return Promise.resolve(ended.went);
    if (this.#released !== undefined) return Promise.reject(this.#released);
    const run = this.#running.get(key) ?? this.#begin(key, job, deeds);
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        run.waiters.delete(waiter);
        const reason: unknown = signal.reason;
        // Otherwise its owner stops, or is gone, and the next one will ask for it.
        if (isTuttiError(reason, 'CALL_TIMED_OUT')) run.abort.abort(reason);
        waiter.reject(reason);
      };
      const stopListening = (): void => {
        signal.removeEventListener('abort', onAbort);
      };
      const waiter: Waiter = { resolve, reject, stopListening };
      run.waiters.add(waiter);
      signal.addEventListener('abort', onAbort, { once: true });
    });
  }

  #begin(key: string, job: JobRun, { begin, tell, limit }: RunDeeds): HeldRun {
    const abort = new AbortController();
    const watched = limit === undefined ? undefined : { ...runOf(job), queue: limit.queue };
    const timer = this.#endAfter(limit, watched);
    const run: HeldRun = {
      ...runOf(job),
      abort,
      went: begin(abort.signal),
      tell,
      watched,
      waiters: new Set(),
      isHeard: false,
    };
    this.#running.set(key, run);
    void run.went.then((went) => {
      timer?.cancel();
      if (watched !== undefined) this.#watcher?.ended(watched);
      this.#running.delete(key);
      run.isHeard = run.waiters.size > 0;
      // Nobody asks for what was taken back.
      if (!abort.signal.aborted) this.#keep(key, run, went);
      for (const { resolve } of leave(run)) resolve(went);
    });
    return run;
  }

  /** From here on its handler may hold the event loop. */
  #endAfter(limit: RunDeeds['limit'], watched: WatchedRun | undefined): Timer | undefined {
    if (limit === undefined || watched === undefined) return undefined;
    this.#watcher?.began(watched, limit.ms);
    return this.#clock.after(limit.ms, () => {
      this.abort(watched, limit.error);
    });
  }

  #keep(key: string, run: HeldRun, went: HowJobWent): void {
    const bytes = 'result' in went ? went.result.length : went.failed.length;
    const now = this.#clock.now();
    const { tell, isHeard } = run;
    const ended = { ...runOf(run), key, went, tell, isHeard, bytes, at: now };
    this.#ended.set(key, ended);
    this.#inOrder.push(ended);
    this.#endedBytes += bytes;
    for (let oldest = this.#inOrder[0]; oldest !== undefined; oldest = this.#inOrder[0]) {
      const isFull = this.#ended.size > bounds.jobEnds || this.#endedBytes > bounds.jobEndBytes;
      if (!isFull && oldest.at > now - bounds.jobEndMs) return;
      this.#inOrder.shift();
      this.#ended.delete(oldest.key);
      this.#endedBytes -= oldest.bytes;
    }
  }
}

/** Nobody waits for it any more. Gives those who did. */
function leave({ waiters }: HeldRun): readonly Waiter[] {
  const all = [...waiters];
  waiters.clear();
  for (const { stopListening } of all) stopListening();
  return all;
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
