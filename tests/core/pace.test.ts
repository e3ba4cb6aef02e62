import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Pace } from '../../src/core/pace.ts';

const freedEvery = (pace: Pace, ms: number, { times, from }: { times: number; from: number }): number => {
  for (let time = 0; time < times; time += 1) pace.freed(from + time * ms, true);
  return from + (times - 1) * ms;
};

test('who waits behind others waits as many times as long as a place takes to become free', () => {
  const pace = new Pace();
  const now = freedEvery(pace, 5, { times: 100, from: 0 });
  assert.equal(pace.untilFree(200, now), 1_000);
});

test('it follows work that becomes slower or quicker', () => {
  const pace = new Pace();
  const first = freedEvery(pace, 5, { times: 100, from: 0 });
  const second = freedEvery(pace, 50, { times: 100, from: first + 50 });
  assert.ok(Math.abs(pace.untilFree(1, second) - 50) < 1);
  const third = freedEvery(pace, 5, { times: 100, from: second + 5 });
  assert.ok(Math.abs(pace.untilFree(1, third) - 5) < 1);
});

test('what several places bring at once counts as their mean', () => {
  const pace = new Pace();
  let now = 0;
  for (let round = 0; round < 50; round += 1, now += 20)
    for (let place = 0; place < 4; place += 1) pace.freed(now, true);
  const ms = pace.untilFree(4, now - 20);
  assert.ok(ms > 14 && ms < 26, String(ms));
});

test('nothing is known at first, while places are free, and of what was long ago', () => {
  const pace = new Pace();
  assert.equal(pace.untilFree(1_000, 0), 0);
  pace.freed(0, true);
  assert.equal(pace.untilFree(1_000, 0), 0);
  pace.freed(500, true);
  assert.equal(pace.untilFree(10, 600), 5_000);
  assert.equal(pace.untilFree(10, 1_501), 0);
  pace.freed(1_600, false);
  assert.equal(pace.untilFree(10, 1_600), 0);
});

test('one pause does not shut the line for good', () => {
  const pace = new Pace();
  pace.freed(0, true);
  pace.freed(60_000, true);
  const now = freedEvery(pace, 5, { times: 200, from: 60_005 });
  assert.ok(pace.untilFree(1, now) < 10);
});

test('it is never less than nothing', () => {
  fc.assert(
    fc.property(fc.array(fc.record({ afterMs: fc.nat(2_000), isFull: fc.boolean() })), (deeds) => {
      const pace = new Pace();
      let now = 0;
      for (const { afterMs, isFull } of deeds) {
        now += afterMs;
        pace.freed(now, isFull);
        assert.ok(pace.untilFree(3, now) >= 0);
      }
    }),
  );
});
