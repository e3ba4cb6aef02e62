/** Those in all processes that wait for something to happen to a job. Each is told once, and looks itself at what it was. Bounded. */
import { bounds } from '../../core/bounds.ts';
import { TuttiError } from '../../core/errors.ts';
import type { Clock } from '../../core/ports.ts';
import type { NamedJob } from '../../stores/job-queue/job-table.ts';

/** When nobody waits any more, whatever happens. */
export interface WaitEnd {
  readonly withinMs: number;
  readonly signal: AbortSignal;
}

/** For an answer to be there in time. */
const answerMs = 2_000;

/** A question that an earlier owner did not answer has less time left than it names: that nothing happened is told before that is over, or it would count as no answer. Pure. */
export const waitMs = (withinMs: number, leftMs: number): number =>
  Math.max(0, Math.min(withinMs, leftMs - answerMs));

export class JobWaiters {
  readonly #clock: Clock;
  readonly #waiters = new Map<string, Set<() => void>>();
  #size = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Resolves when it was told, when the time is over, or when nobody wants to know any more. @throws {TuttiError} `OVERLOADED`. */
  async wait(job: NamedJob, { withinMs, signal }: WaitEnd): Promise<void> {
    if (this.#size >= bounds.jobWaiters) {
      const what = `The store, where ${String(this.#size)} wait for what becomes of jobs,`;
      throw new TuttiError('OVERLOADED', { what, isFull: true });
    }
    if (signal.aborted) return;
    const { promise, resolve } = Promise.withResolvers<undefined>();
    const done = (): void => {
      resolve(undefined);
    };
    const key = keyOf(job);
    const waiters = this.#waiters.get(key) ?? new Set();
    this.#waiters.set(key, waiters.add(done));
    this.#size += 1;
    signal.addEventListener('abort', done);
    const timer = this.#clock.after(withinMs, done);
    await promise;
    timer.cancel();
    signal.removeEventListener('abort', done);
    this.#size -= 1;
    waiters.delete(done);
    if (waiters.size === 0 && this.#waiters.get(key) === waiters) this.#waiters.delete(key);
  }

  tell(job: NamedJob): void {
    // Each job comes by here some times, and mostly nobody waits for any.
    if (this.#waiters.size === 0) return;
    for (const done of this.#waiters.get(keyOf(job)) ?? []) done();
  }

  /** Of one queue, or of all. */
  tellAll(queue?: string): void {
    const start = queue === undefined ? '' : keyOf({ queue, id: '' });
    for (const [key, waiters] of this.#waiters) if (key.startsWith(start)) for (const done of waiters) done();
  }
}

const keyOf = ({ queue, id }: NamedJob): string => `${queue}\n${id}`;
