import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decideScale, scaleTargets } from '../../src/core/autoscale.ts';
import type { InstanceLoad, ScaleState, ScaleView } from '../../src/core/autoscale.ts';

const idle: InstanceLoad = { utilisation: 0, fullness: 0, taken: 100, waitedMs: 0, rejected: 0 };
const range = { min: 1, max: 8 };
const calmMs = 60_000;
const viewOf = (loads: readonly InstanceLoad[], change: Partial<ScaleView> = {}): ScaleView => ({
  ...{ range, loads, isSettled: true, calmMs },
  ...change,
});
const times = (count: number, load: Partial<InstanceLoad>): InstanceLoad[] =>
  Array.from({ length: count }, () => ({ ...idle, ...load }));
const state = (wanted: number, calmSince: number | null = null): ScaleState => ({ wanted, calmSince });

const ups = [
  ['a busy event loop', 1, { utilisation: 0.97 }, 2, 'event loops are 97 % busy'],
  ['just busy enough', 2, { utilisation: 0.75 }, 2, undefined],
  ['so many that it is the target', 4, { utilisation: 0.8 }, 6, 'event loops are 80 % busy'],
  [
    'twice as many at most',
    3,
    { utilisation: 1, waitedMs: 90_000 },
    6,
    'calls wait 900 ms for their turn, event loops are 100 % busy',
  ],
  ['a wait', 2, { waitedMs: 12_000 }, 3, 'calls wait 120 ms for their turn, event loops are 0 % busy'],
  ['a long wait', 2, { waitedMs: 60_000 }, 4, 'calls wait 600 ms for their turn, event loops are 0 % busy'],
  ['some were turned away', 2, { rejected: 5 }, 4, '10 were turned away, event loops are 0 % busy'],
  ['all that may run runs', 1, { utilisation: 0.1, fullness: 1 }, 2, '100 % of concurrency is used'],
  ['no more than it may have', 6, { utilisation: 1 }, 8, 'event loops are 100 % busy'],
] as const;

for (const [what, wanted, load, to, reason] of ups)
  test(`up: ${what}`, () => {
    const decision = decideScale(state(wanted), viewOf(times(wanted, load)), 0);
    assert.deepEqual(decision, { state: state(to), ...(reason === undefined ? {} : { reason }) });
  });

test('at its most it stays, and says what asks for more', () => {
  const decision = decideScale(state(8), viewOf(times(8, { utilisation: 0.9 })), 0);
  assert.deepEqual(decision, { state: state(8), beyond: 'event loops are 90 % busy' });
});

test('down: one, after a calm, where the rest can do it', () => {
  const view = viewOf(times(3, { utilisation: 0.2 }));
  const first = decideScale(state(3), view, 1_000);
  assert.deepEqual(first, { state: state(3, 1_000) });
  const before = decideScale(first.state, view, 1_000 + calmMs - 1);
  assert.deepEqual(before, { state: state(3, 1_000) });
  assert.deepEqual(decideScale(before.state, view, 1_000 + calmMs), {
    state: state(2),
    reason: 'it was calm for 60 s, and the rest alone would be 30 % busy',
  });
});

const busies: readonly (readonly [string, ScaleView])[] = [
  ['the rest would be too full', viewOf(times(2, { utilisation: 0.26 }))],
  ['calls wait a little', viewOf(times(2, { waitedMs: 2_100 }))],
  ['one is silent', viewOf(times(1, {}))],
  ['all are silent', viewOf([])],
  ['one is starting, ends again and again, or is replaced', viewOf(times(2, {}), { isSettled: false })],
  ['it has its fewest', viewOf(times(2, {}), { range: { min: 2, max: 3 } })],
];
for (const [what, view] of busies)
  test(`not down, and the calm begins anew: ${what}`, () => {
    assert.deepEqual(decideScale(state(2, 0), view, 10 * calmMs), { state: state(2) });
  });

test('a number outside of the range is brought into it', () => {
  assert.equal(decideScale(state(20), viewOf([], { isSettled: false }), 0).state.wanted, 8);
  assert.equal(decideScale(state(0), viewOf([], { isSettled: false }), 0).state.wanted, 1);
});

const part = fc.double({ min: 0, max: 1, noNaN: true });
const loads = fc.record({
  utilisation: part,
  fullness: part,
  taken: fc.nat(1_000),
  waitedMs: fc.nat(1_000_000),
  rejected: fc.nat(3),
});
const looks = fc.record({
  loads: fc.array(loads, { maxLength: 10 }),
  isSettled: fc.boolean(),
  afterMs: fc.nat(90_000),
});
const ranges = fc
  .tuple(fc.integer({ min: 1, max: 12 }), fc.nat(12))
  .map(([min, more]) => ({ min, max: min + more }));

test('whatever is seen, it stays within its range, doubles at most, and goes down by one', () => {
  fc.assert(
    fc.property(ranges, fc.array(looks, { maxLength: 60 }), (within, all) => {
      let now = 0;
      let current = state(within.min);
      for (const { loads: seen, isSettled, afterMs } of all) {
        now += afterMs;
        const before = current.wanted;
        const { state: next, reason } = decideScale(
          current,
          { range: within, loads: seen, isSettled, calmMs },
          now,
        );
        assert.ok(next.wanted >= within.min && next.wanted <= within.max);
        assert.ok(next.wanted <= 2 * before && next.wanted >= before - 1);
        assert.equal(
          next.wanted !== before,
          reason !== undefined,
          'a change has its reason, and nothing else has',
        );
        assert.ok(isSettled || next.wanted === before);
        current = next;
      }
    }),
  );
});

test('more load never asks for fewer', () => {
  const more = fc.record({
    utilisation: part,
    fullness: part,
    waitedMs: fc.nat(1_000_000),
    rejected: fc.nat(3),
  });
  const pair = fc.array(fc.tuple(loads, more), { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(pair, fc.boolean(), (pairs, wasCalm) => {
      const less = pairs.map(([load]) => load);
      const larger = pairs.map(([load, add]) => ({
        taken: load.taken,
        utilisation: Math.max(load.utilisation, add.utilisation),
        fullness: Math.max(load.fullness, add.fullness),
        waitedMs: load.waitedMs + add.waitedMs,
        rejected: load.rejected + add.rejected,
      }));
      const current = state(pairs.length, wasCalm ? 0 : null);
      const wanted = (seen: readonly InstanceLoad[]): number =>
        decideScale(current, viewOf(seen, { range: { min: 1, max: 100 } }), calmMs).state.wanted;
      assert.ok(wanted(larger) >= wanted(less));
    }),
  );
});

/** `work`: instances that it would fill. What is beyond what is there waits. */
function settle(work: number, start: number, isLoop: boolean): number[] {
  const seen = [start];
  let current = state(start);
  let settledAt = 0;
  for (let now = 0; now < 3_600_000; now += 1_000) {
    const fill = Math.min(1, work / current.wanted);
    const waitedMs = work > current.wanted ? 80_000 : 0;
    const load = { [isLoop ? 'utilisation' : 'fullness']: fill, waitedMs };
    const view = viewOf(times(current.wanted, load), {
      range: { min: 1, max: 64 },
      isSettled: now >= settledAt,
    });
    const { state: next } = decideScale(current, view, now);
    if (next.wanted !== current.wanted) {
      seen.push(next.wanted);
      settledAt = now + 4_000;
    }
    current = next;
  }
  return seen;
}

test('under a load that stays it goes one way and comes to rest', () => {
  fc.assert(
    fc.property(
      fc.double({ min: 0, max: 24, noNaN: true }),
      fc.integer({ min: 1, max: 32 }),
      fc.boolean(),
      (work, start, isLoop) => {
        const seen = settle(work, start, isLoop);
        const steps = seen.slice(1).map((count, at) => Math.sign(count - (seen[at] ?? 0)));
        assert.ok(new Set(steps).size <= 1, `${String(work)}: ${seen.join(' ')}`);
        assert.ok(work / (seen.at(-1) ?? 1) <= scaleTargets.upAbove + 1e-9, 'and is not too full then');
      },
    ),
    { numRuns: 40 },
  );
});
