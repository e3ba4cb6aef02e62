import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { BreakerLimits } from '../../src/core/breaker.ts';
import { Breaker, breakerLimits } from '../../src/core/breaker.ts';

const failTimes = (breaker: Breaker, times: number, now: number): boolean[] =>
  Array.from({ length: times }, () => breaker.failed(now, false));

test('five failures in a row open it, and the fifth says so', () => {
  const breaker = new Breaker();
  assert.deepEqual(failTimes(breaker, 5, 1_000), [false, false, false, false, true]);
  assert.equal(breaker.phase, 'open');
  assert.equal(breaker.allows(1_999), false);
  assert.equal(breaker.allows(2_000), true);
});

test('a success between them begins the row anew', () => {
  const breaker = new Breaker();
  failTimes(breaker, 4, 0);
  breaker.succeeded(0);
  assert.deepEqual(failTimes(breaker, 4, 0), [false, false, false, false]);
  assert.equal(breaker.phase, 'closed');
});

const mixes = [
  { what: 'half of twenty-one calls', pattern: 'sf', rounds: 10, opens: true },
  { what: 'half of nineteen calls', pattern: 'sf', rounds: 9, opens: false },
  { what: 'a third of thirty calls', pattern: 'ssf', rounds: 10, opens: false },
] as const;
for (const { what, pattern, rounds, opens } of mixes)
  test(`failures that are ${what} within ten seconds ${opens ? 'open it' : 'do not'}`, () => {
    const breaker = new Breaker();
    // The first failure begins the count: before it nothing is remembered.
    breaker.failed(0, false);
    let now = 0;
    for (const each of pattern.repeat(rounds)) {
      now += 100;
      if (each === 'f') breaker.failed(now, false);
      else breaker.succeeded(now);
    }
    assert.equal(breaker.phase, opens ? 'open' : 'closed');
  });

test('what failed more than ten seconds ago is not held against it', () => {
  const breaker = new Breaker();
  for (let now = 0; now < 200_000; now += 6_000) {
    failTimes(breaker, 4, now);
    for (let n = 0; n < 4; n += 1) breaker.succeeded(now);
  }
  assert.equal(breaker.phase, 'closed', 'never more than sixteen calls in ten seconds');
});

test('one probe at a time; it decides; the wait doubles up to the longest', () => {
  const breaker = new Breaker();
  failTimes(breaker, 5, 0);
  let now = 0;
  for (const waitMs of [1_000, 2_000, 4_000, 4_000]) {
    assert.equal(breaker.allows(now + waitMs - 1), false, String(waitMs));
    now += waitMs;
    assert.equal(breaker.allows(now), true, String(waitMs));
    assert.equal(breaker.sent(), true);
    assert.equal(breaker.allows(now), false, 'while the probe is out');
    breaker.failed(now, true);
  }
  now += breakerLimits.longestProbeAfterMs;
  breaker.sent();
  assert.equal(breaker.succeeded(now), true);
  assert.equal(breaker.phase, 'closed');
  failTimes(breaker, 5, now);
  assert.equal(breaker.allows(now + 1_000), true, 'the wait begins anew');
});

test('calls from before it opened neither close it nor put the probe off', () => {
  const breaker = new Breaker();
  failTimes(breaker, 5, 0);
  assert.equal(breaker.succeeded(10), false);
  assert.equal(breaker.phase, 'open');
  failTimes(breaker, 5, 900);
  assert.equal(breaker.allows(1_000), true);
  breaker.sent();
  breaker.failed(1_001, false);
  assert.equal(breaker.phase, 'probing');
});

test('a probe that was taken back may be sent again at once', () => {
  const breaker = new Breaker();
  failTimes(breaker, 5, 0);
  breaker.sent();
  breaker.withdrawn();
  assert.equal(breaker.allows(1_000), true);
});

test('whatever happens: it lets calls through again within the longest wait, unless a probe is out', () => {
  const deed = fc.record({
    afterMs: fc.nat(3_000),
    does: fc.constantFrom('succeeded', 'failed', 'probed', 'withdrawn'),
  });
  fc.assert(
    fc.property(fc.array(deed, { maxLength: 200 }), (deeds) => {
      const breaker = new Breaker();
      let now = 0;
      let isProbing = false;
      for (const { afterMs, does } of deeds) {
        now += afterMs;
        if (does === 'probed' && breaker.allows(now)) isProbing = breaker.sent();
        else if (does === 'succeeded') breaker.succeeded(now);
        else if (does === 'withdrawn') breaker.withdrawn();
        else breaker.failed(now, isProbing);
        isProbing &&= breaker.phase === 'probing';
        if (breaker.phase !== 'probing') assert.ok(breaker.allows(now + breakerLimits.longestProbeAfterMs));
        if (breaker.phase === 'open') assert.ok(breaker.probeAt > now - 1e9);
      }
    }),
  );
});

const limitsOf = (change: Partial<BreakerLimits>): BreakerLimits => ({ ...breakerLimits, ...change });

test('so many in a row as it is told open it, neither earlier nor later, and it says that they did', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 200 }), (inARow) => {
      const breaker = new Breaker();
      const limits = limitsOf({ inARow, fewest: 10_000 });
      for (let n = 1; n <= inARow; n += 1) assert.equal(breaker.failed(0, false, limits), n === inARow);
      assert.equal(breaker.openedAfter, inARow);
      assert.equal(breaker.openedAtPercent, undefined);
    }),
  );
});

test('such a part of so many calls as it is told opens it, neither earlier nor later, and it says which', () => {
  const calls = fc.array(fc.boolean(), { minLength: 1, maxLength: 120 });
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 100 }),
      fc.integer({ min: 1, max: 40 }),
      calls,
      (percent, fewest, fail) => {
        const breaker = new Breaker();
        const limits = limitsOf({ inARow: 1_000, percent, fewest });
        let failures = 0;
        let counted = 0;
        for (const isFailure of fail) {
          // Before the first failure nothing is counted.
          if (isFailure || failures > 0) counted += 1;
          if (isFailure) failures += 1;
          const opens = isFailure && counted >= fewest && 100 * failures >= percent * counted;
          if (isFailure) assert.equal(breaker.failed(0, false, limits), opens);
          else breaker.succeeded(0);
          if (!opens) continue;
          assert.equal(breaker.openedAtPercent, percent);
          break;
        }
      },
    ),
  );
});

test('the first probe comes when it is told, then after twice as long, up to the longest', () => {
  const breaker = new Breaker();
  const limits = limitsOf({ inARow: 1, probeAfterMs: 30, longestProbeAfterMs: 100 });
  breaker.failed(0, false, limits);
  let now = 0;
  for (const waitMs of [30, 60, 100, 100]) {
    assert.equal(breaker.probeAt, now + waitMs);
    now += waitMs;
    breaker.sent();
    breaker.failed(now, true, limits);
  }
});
