/** `shared` for one process: the same numbers and locks, without shared memory and supervisor. Used by the test kit. */
import { TuttiError } from '../core/errors.ts';
import { LockTable } from '../core/lock-table.ts';
import type { LockGrant } from '../core/lock-table.ts';
import type { Clock } from '../core/ports.ts';
import type { LockOptions, Shared, SharedCounter, SharedGauge, SharedLease } from '../define/handling.ts';
import { readLockWish } from '../core/lock-wish.ts';

export class LocalShared implements Shared {
  readonly #values = new Map<string, number>();
  readonly #clock: Clock;
  readonly #given = new Map<number, (grant: LockGrant) => void>();
  readonly #locks: LockTable;
  #lastFence = 0;
  #lastId = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#locks = new LockTable(() => (this.#lastFence += 1));
  }

  counter(name: string): SharedCounter {
    const read = this.#reader(name);
    return {
      add: (amount = 1) => {
        this.#values.set(name, read() + amount);
      },
      get value() {
        return read();
      },
    };
  }

  gauge(name: string): SharedGauge {
    const read = this.#reader(name);
    return {
      set: (value) => {
        this.#values.set(name, value);
      },
      get value() {
        return read();
      },
    };
  }

  /** In one process nobody is paused beyond his lease: it is held until it is released. */
  async lock(name: string, options: LockOptions = {}): Promise<SharedLease> {
    const wish = readLockWish(name, options);
    const id = (this.#lastId += 1);
    const asker = { holder: holderOf(id), id, ttlMs: wish.ttlMs };
    const isHeld = this.#locks.holderOf(name) !== undefined;
    if (isHeld && wish.waitMs === 0) throw taken(name);
    const answer = this.#locks.ask(name, asker, this.#clock.now());
    if (answer === 'full') throw new TuttiError('OVERLOADED', { what: 'The table of locks' });
    return this.#leaseOf(answer === 'waits' ? await this.#turn(wish, id, options.signal) : answer);
  }

  #turn(
    { name, waitMs }: { name: string; waitMs: number },
    id: number,
    signal: AbortSignal | undefined,
  ): Promise<LockGrant> {
    return new Promise((resolve, reject) => {
      const over = (settle: () => void): void => {
        timer.cancel();
        signal?.removeEventListener('abort', onAbort);
        this.#given.delete(id);
        settle();
      };
      const giveUp = (error: Error): void => {
        this.#locks.withdraw(name, { holder: holderOf(id), id });
        over(() => {
          reject(error);
        });
      };
      const onAbort = (): void => {
        giveUp(new TuttiError('CANCELLED', {}, { cause: signal?.reason }));
      };
      const timer = this.#clock.after(waitMs, () => {
        giveUp(taken(name));
      });
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#given.set(id, (grant) => {
        over(() => {
          resolve(grant);
        });
      });
    });
  }

  #leaseOf({ lease }: LockGrant): SharedLease {
    const over = new AbortController();
    const release = (): Promise<void> => {
      if (over.signal.aborted) return Promise.resolve();
      over.abort(new TuttiError('CANCELLED'));
      const next = this.#locks.release(lease.name, lease, this.#clock.now());
      if (next !== undefined) this.#given.get(next.id)?.(next);
      return Promise.resolve();
    };
    return { fence: lease.fence, signal: over.signal, release, [Symbol.asyncDispose]: release };
  }

  values(): Record<string, number> {
    return Object.fromEntries(this.#values);
  }

  #reader(name: string): () => number {
    return () => this.#values.get(name) ?? 0;
  }
}

const holderOf = (id: number): string => `test#1@${String(id)}`;
const taken = (name: string): TuttiError => new TuttiError('LOCK_TAKEN', { name, holder: 'somebody else' });
