import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { RetryBudget, retryDelayMs, retryLimits } from '../../src/core/retry-budget.ts';

const { part, least, windowMs } = retryLimits;

test('repetitions are never more than a tenth of the calls and what was there at the start', () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ isCall: fc.boolean(), afterMs: fc.nat({ max: 50 }) }), { maxLength: 2_000 }),
      (deeds) => {
        const budget = new RetryBudget();
        let [now, calls, retries] = [0, 0, 0];
        for (const { isCall, afterMs } of deeds) {
          now += afterMs;
          if (isCall) {
            calls += 1;
            budget.called(now);
          } else if (budget.take()) retries += 1;
          assert.ok(retries <= least + calls * part + 1e-9);
        }
      },
    ),
  );
});

const called = (budget: RetryBudget, times: number, at: { from: number; everyMs: number }): number => {
  let now = at.from;
  for (let call = 0; call < times; call += 1) budget.called((now += at.everyMs));
  return now;
};
const taken = (budget: RetryBudget): number => {
  let count = 0;
  while (budget.take()) count += 1;
  return count;
};

test('a service that is called seldom has its repetitions, and they come back', () => {
  const budget = new RetryBudget();
  assert.equal(taken(budget), least);
  const now = called(budget, 11, { from: 0, everyMs: 1_000 });
  assert.equal(taken(budget), 1);
  called(budget, 1_000, { from: now, everyMs: 1_000 });
  assert.equal(taken(budget), least);
});

test('one that is called often can repeat what was under way when an instance died', () => {
  const budget = new RetryBudget();
  const now = called(budget, 20_000, { from: 0, everyMs: 1 });
  const all = taken(budget);
  assert.ok(all >= (windowMs / 2) * part && all <= windowMs * part, `${String(all)} of 20,000 calls`);
  // Afterwards no more than a tenth of what is called.
  called(budget, 1_000, { from: now, everyMs: 1 });
  assert.ok(Math.abs(taken(budget) - 1_000 * part) <= 1);
});

test('what many calls have earned is forgotten when fewer are made', () => {
  const budget = new RetryBudget();
  const now = called(budget, 20_000, { from: 0, everyMs: 1 });
  called(budget, 2, { from: now + 2 * windowMs, everyMs: windowMs });
  assert.equal(taken(budget), least);
});

test('the wait is drawn evenly from zero to a bound that doubles', () => {
  assert.equal(
    retryDelayMs(1, () => 0),
    0,
  );
  assert.equal(
    retryDelayMs(1, () => 0.5),
    10,
  );
  assert.equal(
    retryDelayMs(2, () => 0.5),
    20,
  );
});
