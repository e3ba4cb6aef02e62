/**
 * A clock that stands until a test moves it. Timers fire in the order of their times, each at its own `now`.
 */
import type { Clock, Timer } from '../core/ports.ts';

export interface FakeClock extends Clock {
  /** Moves on, firing what is due on the way. */
  advance(ms: number): void;
  /** Timers that have not fired. */
  readonly pending: number;
}

interface Waiting {
  readonly at: number;
  readonly order: number;
  readonly fire: () => void;
}

export function fakeClock(startAt = 0, wallStart = Date.UTC(2026, 0, 1)): FakeClock {
  let now = startAt;
  let order = 0;
  const waiting = new Set<Waiting>();
  const nextDue = (until: number): Waiting | undefined =>
    [...waiting]
      .filter(({ at }) => at <= until)
      .sort((left, right) => left.at - right.at || left.order - right.order)[0];

  return {
    now: () => now,
    wall: () => wallStart + (now - startAt),
    after(delayMs, fire): Timer {
      const timer = { at: now + Math.max(0, delayMs), order: (order += 1), fire };
      waiting.add(timer);
      return {
        cancel: () => {
          waiting.delete(timer);
        },
      };
    },
    advance(ms) {
      const until = now + ms;
      for (let due = nextDue(until); due !== undefined; due = nextDue(until)) {
        waiting.delete(due);
        now = due.at;
        due.fire();
      }
      now = until;
    },
    get pending() {
      return waiting.size;
    },
  };
}
