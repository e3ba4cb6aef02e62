import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { BreakerLimits } from '../../src/core/breaker.ts';
import { breakerLimits } from '../../src/core/breaker.ts';
import type { ActionTuning, BreakerTuning } from '../../src/core/tuning.ts';
import { fillTuning, joinTunings, tunedActions, untuned } from '../../src/core/tuning.ts';

const cases: { what: string; layers: (ActionTuning | undefined)[]; joined: ActionTuning }[] = [
  {
    what: 'nothing, where nobody says anything',
    layers: [undefined, {}, { retries: undefined }],
    joined: {},
  },
  { what: 'the later of two', layers: [{ retries: 2 }, { retries: 0 }], joined: { retries: 0 } },
  {
    what: 'each from who says it',
    layers: [
      { deadlineMs: 50, retries: 1 },
      { deadlineMs: undefined, retries: 0 },
    ],
    joined: { deadlineMs: 50, retries: 0 },
  },
  {
    what: 'the numbers of a breaker one by one',
    layers: [{ breaker: { inARow: 2, percent: 10 } }, { breaker: { inARow: 3, fewest: undefined } }],
    joined: { breaker: { inARow: 3, percent: 10 } },
  },
  {
    what: 'no breaker, by the last word',
    layers: [{ breaker: { inARow: 2 } }, { breaker: false }],
    joined: { breaker: false },
  },
  {
    what: 'a breaker again, of which nobody remembers what was said before it was none',
    layers: [{ breaker: { inARow: 2 } }, { breaker: false }, { breaker: { percent: 10 } }],
    joined: { breaker: { percent: 10 } },
  },
];
for (const { what, layers, joined } of cases)
  test(`what is said in many places comes to ${what}`, () => {
    assert.deepEqual(joinTunings(layers), joined);
  });

const number = fc.option(fc.integer({ min: 1, max: 100 }), { nil: undefined });
const layer = fc.record(
  {
    deadlineMs: number,
    retries: fc.constantFrom(0, 1, 2, undefined),
    breaker: fc.oneof(
      fc.constantFrom(undefined, false as const),
      fc.record({ inARow: number, probeAfterMs: number }, { requiredKeys: [] }),
    ),
  },
  { requiredKeys: [] },
);

test('joined at once or one after the other is the same, and joined again changes nothing', () => {
  fc.assert(
    fc.property(layer, layer, layer, (one, two, three) => {
      const all = joinTunings([one, two, three]);
      assert.deepEqual(joinTunings([all, all]), all);
      assert.deepEqual(joinTunings([joinTunings([one, two]), three]), all);
    }),
  );
});

test('what is filled in is what was said, and the usual figure where nothing was', () => {
  fc.assert(
    fc.property(layer, (said) => {
      const tuned = fillTuning(said);
      assert.equal(tuned.deadlineMs, said.deadlineMs ?? untuned.deadlineMs);
      assert.equal(tuned.retries, said.retries ?? untuned.retries);
      const { breaker = {} } = said;
      const usual: BreakerLimits = breakerLimits;
      const names = Object.keys(usual) as (keyof BreakerLimits)[];
      if (breaker === false) assert.equal(tuned.breaker, undefined);
      else
        for (const name of names)
          assert.equal(tuned.breaker?.[name], (breaker as BreakerTuning)[name] ?? usual[name]);
    }),
  );
});

test('actions of which nobody says anything are not in it, whatever they are called', () => {
  const tuned = tunedActions({ actions: { get: { retries: 0 } } });
  assert.equal(tuned.get('get')?.retries, 0);
  for (const name of ['list', '$metrics', 'toString', '__proto__']) assert.equal(tuned.get(name), undefined);
  assert.equal(tunedActions(undefined).size, 0);
  assert.deepEqual(untuned, { deadlineMs: 5_000, retries: 2, breaker: breakerLimits });
});
