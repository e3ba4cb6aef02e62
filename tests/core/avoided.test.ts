import assert from 'node:assert/strict';
import { test } from 'node:test';
import { avoidedLines, avoidedSentence, heededSentence } from '../../src/core/avoided.ts';
import type { AvoidedStatus, OpenBreaker, Outlier } from '../../src/core/avoided.ts';
import { explain } from '../../src/core/explain.ts';
import { everything, instance, statusWith } from './made-events.ts';

const breaker: OpenBreaker = {
  ...{
    kind: 'breaker',
    instance: 'users#1@2',
    action: 'fetch',
    failures: 5,
    last: 'CALL_TIMED_OUT',
    probeAt: 3_000,
  },
};
const outlier: Outlier = { kind: 'outlier', instance: 'users#2@1', latencyMs: 250, failedPart: 0 };
const by = 'gateway:public#1@1';
const heldBy = (caller: string, one: OpenBreaker | Outlier): AvoidedStatus => ({
  ...one,
  by: caller,
  since: 0,
});

const sentences = [
  [
    breaker,
    'users#1 is not asked for users.fetch by gateway public#1: 5 calls in a row failed, last CALL_TIMED_OUT',
  ],
  [
    { ...breaker, failures: 2, percent: 30 },
    'users#1 is not asked for users.fetch by gateway public#1: 30 % of its calls or more failed lately, last CALL_TIMED_OUT',
  ],
  [outlier, 'users#2 is asked less by gateway public#1: it takes 250 ms, longer than the others'],
  [
    { ...outlier, failedPart: 0.4 },
    'users#2 is asked less by gateway public#1: 40 % of its answers are failures, more than of the others',
  ],
] as const;
for (const [one, sentence] of sentences)
  test(sentence, () => {
    assert.equal(avoidedSentence(one, by), sentence);
  });

test('its end is said of the same', () => {
  assert.equal(heededSentence(breaker, by), 'users#1 is asked for users.fetch by gateway public#1 again');
  assert.equal(
    heededSentence(outlier, by),
    'users#2 is asked as often as the others by gateway public#1 again',
  );
});

test('many callers are one line, with the next probe of all; very many lines are counted', () => {
  const callers = ['gateway:public#1@1', 'gateway:public#2@1', 'orders#1@4'];
  const held = callers.map((caller, at) => heldBy(caller, { ...breaker, probeAt: 3_000 + at }));
  const words = ': 5 calls in a row failed, last CALL_TIMED_OUT';
  const text = `is not asked for users.fetch by gateway public#1 and 2 others${words}`;
  assert.deepEqual(avoidedLines(held, 1_000), [
    { slot: 'users#1', text: `${text}; the next probe in 2.0 s` },
  ]);
  assert.deepEqual(avoidedLines(held, 3_000), [{ slot: 'users#1', text: `${text}; the next call probes` }]);
  const many = Array.from({ length: 30 }, (_, n) => heldBy(by, { ...breaker, action: `a${String(n)}` }));
  const lines = avoidedLines(many, 0);
  assert.equal(lines.length, 8);
  assert.match(lines.at(-1)?.text ?? '', / \(and 22 more like it\)$/);
});

test('why tells it of the instance that is not asked, and of no other', () => {
  const status = {
    ...statusWith(instance('users#1', {}), instance('users#2', {})),
    avoided: [heldBy(by, breaker)],
  };
  const question = { about: { service: 'users' }, span: everything, most: 20 };
  const { now } = explain(question, status, []);
  assert.deepEqual(
    now.map(({ instance: who, tone }) => [who, tone]),
    [
      ['users#1', 'good'],
      ['users#1', 'warn'],
      ['users#2', 'good'],
    ],
  );
  assert.match(now[1]?.text ?? '', /^is not asked for users\.fetch by gateway public#1: /);
});
