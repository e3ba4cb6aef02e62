/**
 * How many calls may be repeated: a part of those that were made, so that who fails is not asked many times as often for that.
 * Pure. One per caller and service. Source: Finagle `RetryBudget`, gRPC retry throttling.
 */
import type { Random } from './ports.ts';

export const retryLimits = {
  /** Of the calls. */
  part: 0.1,
  /** Tokens at the start, and at most where few calls are made: a service that is called seldom may repeat its few calls too. */
  least: 10,
  /** At most that part of the calls of so long: those that can be under way when an instance dies, and forgotten when fewer are made. */
  windowMs: 5_000,
  /** Of one call. */
  retries: 2,
  /** The first repetition waits up to this, the second twice as long: drawn evenly, so that callers do not come all at once. */
  jitterMs: 20,
} as const;

const sliceMs = retryLimits.windowMs / 2;

export class RetryBudget {
  #tokens: number = retryLimits.least;
  /** Of this half of the window, and of the one before it. */
  #calls = 0;
  #callsBefore = 0;
  #sliceEndsAt = -Infinity;

  /** A call is made for the first time. */
  called(now: number): void {
    if (now >= this.#sliceEndsAt) this.#turn(now);
    this.#calls += 1;
    this.#tokens = Math.min(this.#most, this.#tokens + retryLimits.part);
  }

  /** False: not this time. */
  take(): boolean {
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }

  get #most(): number {
    return Math.max(retryLimits.least, retryLimits.part * (this.#callsBefore + this.#calls));
  }

  #turn(now: number): void {
    this.#callsBefore = now < this.#sliceEndsAt + sliceMs ? this.#calls : 0;
    this.#calls = 0;
    this.#sliceEndsAt = now + sliceMs;
  }
}

/** @param retry 1: the first one. */
export const retryDelayMs = (retry: number, random: Random): number =>
  random() * retryLimits.jitterMs * 2 ** (retry - 1);
