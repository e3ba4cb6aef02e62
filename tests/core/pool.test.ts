import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { bounds } from '../../src/core/bounds.ts';
import {
  callEnd,
  callEndReason,
  chooseServing,
  isCallEndReason,
  lookAgainAfterMs,
  poolTimes,
} from '../../src/core/pool.ts';

const one = (slot: number, epoch = 1): { slot: number; epoch: number } => ({ slot, epoch });
const numbers = (list: readonly { slot: number }[]): number[] => list.map(({ slot }) => slot);
const pool = { processes: 3, spares: 1 };

describe('Who serves in a pool', () => {
  test('as many as there are places, the rest are spares', () => {
    assert.deepEqual(numbers(chooseServing([one(1), one(2), one(3)], [], pool)), [1, 2]);
    assert.deepEqual(numbers(chooseServing([one(3)], [], pool)), [3]);
  });

  test('a spare takes over for good: who comes later in the place of the other is a spare', () => {
    const after = chooseServing([one(2), one(3)], [one(1), one(2)], pool);
    assert.deepEqual(numbers(after), [2, 3]);
    assert.deepEqual(numbers(chooseServing([one(1, 2), one(2), one(3)], after, pool)), [2, 3]);
  });

  test('somebody always does, however few are wanted', () => {
    assert.deepEqual(numbers(chooseServing([one(1)], [], { processes: 1, spares: 4 })), [1]);
  });

  test('nobody who serves gives way to a spare, and no place is empty while a spare is there', () => {
    const some = fc.uniqueArray(fc.integer({ min: 1, max: 9 }), { maxLength: 9 });
    const counts = fc.record({
      processes: fc.integer({ min: 0, max: 9 }),
      spares: fc.integer({ min: 0, max: 3 }),
    });
    fc.assert(
      fc.property(some, some, counts, (ready, serving, wanted) => {
        const chosen = numbers(
          chooseServing(
            ready.map((slot) => one(slot)),
            serving.map((slot) => one(slot)),
            wanted,
          ),
        );
        const places = Math.max(1, wanted.processes - wanted.spares);
        assert.equal(chosen.length, Math.min(places, ready.length));
        const stayed = ready.filter((slot) => serving.includes(slot));
        assert.equal(chosen.filter((slot) => stayed.includes(slot)).length, Math.min(places, stayed.length));
      }),
    );
  });
});

describe('The end of a call in a pool', () => {
  const { poolUnwantedMs } = bounds;
  test('is its limit, or a moment after its caller has given up', () => {
    assert.deepEqual(callEnd(1_000, 10_000, Infinity), { endsBy: 11_000, why: 'limit' });
    assert.deepEqual(callEnd(1_000, 10_000, 11_000), { endsBy: 11_000, why: 'limit' });
    assert.deepEqual(callEnd(1_000, 10_000, 6_000), { endsBy: 6_000 + poolUnwantedMs, why: 'unwanted' });
  });

  test('is looked for when it comes, and never too late for one that begins unseen', () => {
    assert.equal(lookAgainAfterMs(0, [10_000], []), 250);
    assert.equal(lookAgainAfterMs(0, [10_000, 100], []), 25);
    assert.equal(lookAgainAfterMs(1_000, [10_000], [1_030, 9_000]), 30);
    assert.equal(lookAgainAfterMs(1_000, [10_000], [990]), 1);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 20, max: 1e6 }), { minLength: 1 }), (limits) => {
        assert.ok(lookAgainAfterMs(0, limits, []) <= Math.min(...limits) / 4);
      }),
    );
  });

  test('is told in words that are known again', () => {
    const policy = { size: 1, spares: 1, callLimit: 500 };
    for (const why of ['limit', 'unwanted'] as const)
      assert.ok(isCallEndReason(callEndReason(why, 'maths.loop', policy)), why);
    assert.ok(!isCallEndReason('killed by SIGKILL'));
  });
});

test('a pool may be silent, and takes its time to finish, for as long as a call may run', () => {
  const health = { staleAfter: 3_000, heartbeatTimeout: 10_000, busyAfter: 60_000 };
  const stop = { drainTimeout: 8_000, drainMax: 60_000, killAfter: 2_000 };
  const times = poolTimes({ health, stop }, { size: 1, spares: 0, callLimit: 20_000 });
  assert.deepEqual(times.health, { staleAfter: 24_000, heartbeatTimeout: 31_000, busyAfter: 81_000 });
  assert.equal(times.stop.drainTimeout, 21_000);
  assert.equal(poolTimes({ health, stop }, { size: 1, spares: 0, callLimit: 10 }).stop.drainTimeout, 8_000);
});
