import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { RetryBudget, retryDelayMs, retryLimits } from '../../src/core/retry-budget.ts';

test('repetitions are never more than a tenth of the calls and what was there at the start', () => {
  fc.assert(
    fc.property(fc.array(fc.boolean(), { maxLength: 2_000 }), (deeds) => {
      const budget = new RetryBudget();
      let calls = 0;
      let retries = 0;
      for (const isCall of deeds) {
        if (isCall) {
          calls += 1;
          budget.called();
        } else if (budget.take()) retries += 1;
        assert.ok(retries <= retryLimits.most + calls * retryLimits.part + 1e-9);
      }
    }),
  );
});

test('a service that is called seldom has its repetitions, and they come back', () => {
  const budget = new RetryBudget();
  for (let n = 0; n < retryLimits.most; n += 1) assert.equal(budget.take(), true);
  assert.equal(budget.take(), false);
  for (let n = 0; n < 11; n += 1) budget.called();
  assert.equal(budget.take(), true);
  assert.equal(budget.take(), false);
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
