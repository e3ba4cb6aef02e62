/**
 * `shared.lock` of an instance: asks the supervisor, and hears when it was given or lost. The supervisor may die at any time: its
 * successor knows who holds what, and is asked again for the rest.
 */
import { TuttiError } from '../../core/errors.ts';
import type { Clock } from '../../core/ports.ts';
import type { LockOptions, SharedLease } from '../../define/handling.ts';
import { readLockWish } from '../../core/lock-wish.ts';
import type { LockWish } from '../../core/lock-wish.ts';
import type { InstanceMessage, SupervisorMessage } from '../../mesh/control-protocol.ts';
import { HeldLease } from './held-lease.ts';

export interface InstanceLocksNeeds {
  readonly clock: Clock;
  /** What is said while nobody is there is lost. */
  readonly send: (message: InstanceMessage) => void;
}

interface Question {
  readonly wish: LockWish;
  readonly given: (lease: HeldLease) => void;
  readonly refused: (error: Error) => void;
}

type Locked = Extract<SupervisorMessage, { op: 'locked' }>;
type Refused = Extract<SupervisorMessage, { op: 'refused' }>;

/** For the answer to one who does not wait: there may be no supervisor for a moment. */
const answerMs = 2_000;

export class InstanceLocks {
  readonly #needs: InstanceLocksNeeds;
  readonly #asked = new Map<number, Question>();
  readonly #held = new Map<number, HeldLease>();
  #last = 0;

  constructor(needs: InstanceLocksNeeds) {
    this.#needs = needs;
  }

  async lock(name: string, options: LockOptions = {}): Promise<SharedLease> {
    const wish = readLockWish(name, options);
    const { signal } = options;
    if (signal?.aborted === true) throw cancelled(signal);
    const id = (this.#last += 1);
    const { promise, resolve, reject } = Promise.withResolvers<SharedLease>();
    const giveUp = (error: Error): void => {
      this.#needs.send({ op: 'unwait', id, name });
      reject(error);
    };
    const onAbort = (): void => {
      giveUp(cancelled(signal));
    };
    const timer = this.#needs.clock.after(Math.max(wish.waitMs, answerMs), () => {
      giveUp(new TuttiError('LOCK_TAKEN', { name, holder: 'somebody else' }));
    });
    signal?.addEventListener('abort', onAbort, { once: true });
    this.#asked.set(id, { wish, given: resolve, refused: reject });
    this.#ask(id, wish);
    try {
      return await promise;
    } finally {
      this.#asked.delete(id);
      timer.cancel();
      signal?.removeEventListener('abort', onAbort);
    }
  }

  hear(message: SupervisorMessage): void {
    if (message.op === 'welcome') this.#repeat();
    else if (message.op === 'locked') this.#locked(message);
    else if (message.op === 'refused') this.#refused(message);
    else if (message.op === 'renewed') {
      const { fence, expiresAt } = message;
      if (expiresAt === null) this.#held.get(fence)?.lose('it was given to somebody else');
      else this.#held.get(fence)?.liveUntil(expiresAt);
    }
  }

  /** What is held is free at once, and not when the end of the process is known. */
  close(): void {
    for (const lease of this.#held.values()) void lease.release();
  }

  #ask(id: number, { name, ttlMs, waitMs }: LockWish): void {
    this.#needs.send({ op: 'lock', id, name, ttlMs, waits: waitMs > 0 });
  }

  /** A successor does not know who waits, and may have missed a renewal. */
  #repeat(): void {
    for (const [id, { wish }] of this.#asked) this.#ask(id, wish);
    for (const lease of this.#held.values()) lease.renew();
  }

  #locked({ id, name, fence, expiresAt }: Locked): void {
    const { clock, send } = this.#needs;
    const unlock = (): void => {
      send({ op: 'unlock', name, fence });
    };
    const question = this.#asked.get(id);
    // It was given up on the way.
    if (question === undefined) {
      unlock();
      return;
    }
    const renew = (): void => {
      send({ op: 'renew', name, fence });
    };
    const lease = new HeldLease({ name, fence, clock, renew, unlock, ttlMs: question.wish.ttlMs }, expiresAt);
    this.#held.set(fence, lease);
    lease.signal.addEventListener('abort', () => this.#held.delete(fence));
    question.given(lease);
  }

  #refused({ id, problem, holder }: Refused): void {
    const question = this.#asked.get(id);
    if (question === undefined) return;
    const { name } = question.wish;
    question.refused(
      problem === 'taken'
        ? new TuttiError('LOCK_TAKEN', { name, holder })
        : new TuttiError('OVERLOADED', { what: 'The table of locks' }),
    );
  }
}

const cancelled = (signal: AbortSignal | undefined): TuttiError =>
  new TuttiError('CANCELLED', {}, { cause: signal?.reason });
