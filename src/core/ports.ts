/**
 * What the outside world gives to the parts that decide: time and chance.
 * Used by everything that waits or draws lots, so that tests and simulations can hold both in their hands.
 */

export interface Timer {
  cancel(): void;
}

/** All times are milliseconds. `now` never jumps back; on Linux it is CLOCK_MONOTONIC, the same for all processes. */
export interface Clock {
  /** Monotonic, comparable between processes of one machine. For deadlines and durations. */
  now(): number;
  /** Wall clock, epoch milliseconds. For people only: never compared, never subtracted. */
  wall(): number;
  /** Fires once, also when `delayMs` is over 2^31 (Node alone would fire after 1 ms). */
  after(delayMs: number, fire: () => void): Timer;
}

/** Uniform in [0, 1). */
export type Random = () => number;
