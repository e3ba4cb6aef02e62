/** A lock that this instance holds: renewed by itself, and over when it was released or lost. Used by `InstanceLocks`. */
import { TuttiError } from '../../core/errors.ts';
import type { Clock, Timer } from '../../core/ports.ts';
import type { SharedLease } from '../../define/handling.ts';

export interface HeldLeaseNeeds {
  readonly name: string;
  readonly fence: number;
  readonly ttlMs: number;
  readonly clock: Clock;
  readonly renew: () => void;
  readonly unlock: () => void;
}

/** Of a lease: two renewals may be lost. */
const renewPart = 1 / 3;

export class HeldLease implements SharedLease {
  readonly fence: number;
  readonly #needs: HeldLeaseNeeds;
  readonly #over = new AbortController();
  #renewTimer: Timer | undefined;
  #endTimer: Timer | undefined;

  /** @param expiresAt of the clock that all processes of a machine share. */
  constructor(needs: HeldLeaseNeeds, expiresAt: number) {
    this.#needs = needs;
    this.fence = needs.fence;
    this.liveUntil(expiresAt);
  }

  get signal(): AbortSignal {
    return this.#over.signal;
  }

  renew(): void {
    this.#needs.renew();
  }

  liveUntil(expiresAt: number): void {
    if (this.signal.aborted) return;
    this.#stop();
    const { clock, ttlMs, renew } = this.#needs;
    const leftMs = Math.max(0, expiresAt - clock.now());
    this.#renewTimer = clock.after(Math.max(0, leftMs - ttlMs * (1 - renewPart)), renew);
    this.#endTimer = clock.after(leftMs, () => {
      this.lose('it was not renewed in time');
    });
  }

  lose(reason: string): void {
    this.#end(new TuttiError('CONFLICT', { message: `The lock ${this.#needs.name} was lost: ${reason}` }));
  }

  release(): Promise<void> {
    if (this.signal.aborted) return Promise.resolve();
    this.#end(new TuttiError('CANCELLED', { message: `The lock ${this.#needs.name} was released` }));
    this.#needs.unlock();
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }

  #end(reason: Error): void {
    this.#stop();
    this.#over.abort(reason);
  }

  #stop(): void {
    this.#renewTimer?.cancel();
    this.#endTimer?.cancel();
  }
}
