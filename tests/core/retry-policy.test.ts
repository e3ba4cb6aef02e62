import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { RetryBudget } from '../../src/core/retry-budget.ts';
import type { Retryable, TryEnd } from '../../src/core/retry-policy.ts';
import { decideRetry } from '../../src/core/retry-policy.ts';

const call: Retryable = { isHarmless: true, isOwner: true, retries: 0, mostRetries: 2, deadline: 1_000 };
const decide = (end: TryEnd, change: Partial<Retryable> = {}): string =>
  decideRetry(end, { ...call, ...change }, { now: 0, random: () => 0.5, budget: new RetryBudget() }).verdict;
const lost: TryEnd = { end: 'lost' };
const full: TryEnd = { end: 'not-started', code: 'OVERLOADED' };
const elsewhere: TryEnd = { end: 'not-started', code: 'CONNECTION_REFUSED' };

for (const mostRetries of [0, 1, 2])
  for (const retries of [0, 1, 2])
    test(`made again ${String(retries)} times, of ${String(mostRetries)} that it may be`, () => {
      const verdict = retries < mostRetries ? 'again' : 'fail';
      assert.equal(decide(lost, { retries, mostRetries }), verdict);
      assert.equal(decide(full, { retries, mostRetries, isHarmless: false }), verdict);
      assert.equal(
        decide(elsewhere, { retries, mostRetries }),
        'elsewhere',
        'what did not start is not made again',
      );
    });

test('however many times it may be made again: not when it may have run and that would do harm', () => {
  fc.assert(
    fc.property(fc.nat(2), fc.nat(2), fc.boolean(), (mostRetries, retries, isOwner) => {
      assert.equal(decide(lost, { mostRetries, retries, isOwner, isHarmless: false }), 'fail');
    }),
  );
});
