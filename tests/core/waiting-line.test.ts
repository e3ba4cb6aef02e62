import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { WaitingLine } from '../../src/core/waiting-line.ts';

interface Call {
  readonly startedAt: number;
  readonly priority: number;
}

const call = (startedAt: number, priority: number): Call => ({ startedAt, priority });

const cases = [
  { what: 'the higher first', calls: [call(0, 5), call(0, 9), call(0, 0)], now: 0, first: 1 },
  { what: 'of equals who came first', calls: [call(2, 5), call(1, 5)], now: 3, first: 0 },
  {
    what: 'a step a second: nine seconds make 0 a 9',
    calls: [call(0, 0), call(9_000, 9)],
    now: 9_000,
    first: 0,
  },
  { what: 'not a moment sooner', calls: [call(0, 0), call(8_999, 9)], now: 8_999, first: 1 },
  { what: 'beyond 9 the longer wait counts', calls: [call(0, 9), call(1_500, 9)], now: 20_000, first: 0 },
] as const;
for (const { what, calls, now, first } of cases)
  test(`whose turn it is: ${what}`, () => {
    const line = new WaitingLine<Call>();
    for (const one of calls) line.add(one);
    assert.equal(line.next(now), calls[first]);
  });

test('who gives way is the youngest of the lowest, and never an equal', () => {
  const line = new WaitingLine<Call>();
  const [old, young, high] = [call(0, 2), call(1, 2), call(2, 6)];
  for (const one of [old, young, high]) line.add(one);
  assert.equal(line.lowestBelow(2), undefined);
  assert.equal(line.lowestBelow(3), young);
  line.remove(young);
  line.remove(old);
  assert.equal(line.lowestBelow(9), high);
  assert.equal(line.size, 1);
});

test('of a long line the first of each priority does not give way', () => {
  const line = new WaitingLine<Call>();
  const lows = [call(0, 0), call(1, 0)];
  const fives = Array.from({ length: 10 }, (_hole, at) => call(at + 2, 5));
  for (const one of [...lows, ...fives]) line.add(one);
  const givingWay: (Call | undefined)[] = [];
  for (let time = 0; time < 3; time += 1) {
    const lowest = line.lowestBelow(9);
    givingWay.push(lowest);
    if (lowest !== undefined) line.remove(lowest);
  }
  // The last of them when the line is short again.
  assert.deepEqual(givingWay, [lows[1], fives.at(-1), lows[0]]);
});

test('the lowest is who came first of the lowest', () => {
  const line = new WaitingLine<Call>();
  assert.equal(line.lowest(), undefined);
  const [low, later, high] = [call(3, 1), call(4, 1), call(0, 9)];
  for (const one of [low, later, high]) line.add(one);
  assert.equal(line.lowest(), low);
});

test('everybody is served once, and nobody waits behind more than those who came within nine seconds of it', () => {
  const arrivals = fc.array(fc.record({ gapMs: fc.nat(800), priority: fc.nat(9) }), { maxLength: 200 });
  fc.assert(
    fc.property(arrivals, (coming) => {
      const line = new WaitingLine<Call>();
      let now = 0;
      const waiting = coming.map(({ gapMs, priority }) => call((now += gapMs), priority));
      for (const one of waiting) line.add(one);
      const served: Call[] = [];
      for (let next = line.next(now); next !== undefined; next = line.next((now += 100))) {
        line.remove(next);
        served.push(next);
      }
      assert.deepEqual(new Set(served), new Set(waiting));
      assert.equal(served.length, waiting.length);
      for (const [at, one] of served.entries())
        for (const other of served.slice(0, at)) assert.ok(other.startedAt <= one.startedAt + 10_000);
    }),
  );
});
