/**
 * How many calls may be repeated: a part of those that were made, so that who fails is not asked many times as often for that.
 * Pure. One per caller and service. Source: Finagle `RetryBudget`, gRPC retry throttling.
 */
import type { Random } from './ports.ts';

export const retryLimits = {
  /** Of the calls. */
  part: 0.1,
  /** Tokens at the start and at most: a service that is called seldom may repeat its few calls too. */
  most: 10,
  /** Of one call. */
  retries: 2,
  /** The first repetition waits up to this, the second twice as long: drawn evenly, so that callers do not come all at once. */
  jitterMs: 20,
} as const;

export class RetryBudget {
  #tokens: number = retryLimits.most;

  /** A call is made for the first time. */
  called(): void {
    if (this.#tokens < retryLimits.most)
      this.#tokens = Math.min(retryLimits.most, this.#tokens + retryLimits.part);
  }

  /** False: not this time. */
  take(): boolean {
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}

/** @param retry 1: the first one. */
export const retryDelayMs = (retry: number, random: Random): number =>
  random() * retryLimits.jitterMs * 2 ** (retry - 1);
