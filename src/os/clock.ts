/**
 * The clock of this machine. Used by every program; parts get it as an argument.
 * On Linux `now()` is CLOCK_MONOTONIC in milliseconds, the same for all processes, so that a deadline can cross a socket.
 * Elsewhere it is whatever `hrtime` counts: still monotonic, comparable on macOS too (mach time since boot).
 */
// The global of this name is looked up anew each time.
import { performance } from 'node:perf_hooks';
import type { Clock, Timer } from '../core/ports.ts';

/** `performance.now` is three times cheaper than `hrtime.bigint` and ticks alike; only its zero differs. */
const zero = difference();

function difference(): number {
  performance.now(); // the first call takes milliseconds
  const before = process.hrtime.bigint();
  const there = performance.now();
  return Number(before + process.hrtime.bigint()) / 2e6 - there;
}

/** Node fires a timer of 2^31 ms or more after 1 ms, so that long waits are cut into pieces. */
const longestWaitMs = 3_600_000;

const now = (): number => zero + performance.now();

/** Never early: Node counts from the start of its turn, so a timer set late in a long turn would fire too soon. */
function after(delayMs: number, fire: () => void): Timer {
  const due = now() + delayMs;
  let timer: NodeJS.Timeout;
  const look = (): void => {
    const leftMs = due - now();
    if (leftMs > 0) wait(leftMs);
    else fire();
  };
  const wait = (leftMs: number): void => {
    timer = setTimeout(look, Math.min(longestWaitMs, Math.ceil(leftMs)));
  };
  wait(delayMs);
  return {
    cancel: () => {
      clearTimeout(timer);
    },
  };
}

export const systemClock: Clock = { now, wall: () => Date.now(), after };
