import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { orderLines } from '../../src/core/order-lines.ts';

interface Line {
  readonly time: number;
  readonly source: number;
  readonly n: number;
}

const lines = fc
  .array(fc.array(fc.integer({ min: 0, max: 20 }), { maxLength: 12 }), { maxLength: 5 })
  .map((sources) => sources.map((times, source) => times.map((time, n): Line => ({ time, source, n }))));

test('lines of different sources come by their time', () => {
  const ordered = orderLines([
    [{ time: 1 }, { time: 5 }],
    [{ time: 2 }, { time: 4 }, { time: 6 }],
  ]);
  assert.deepEqual(
    ordered.map(({ time }) => time),
    [1, 2, 4, 5, 6],
  );
});

test('nothing is lost or made, and each source stays in the order in which it wrote', () => {
  fc.assert(
    fc.property(lines, (sources) => {
      const ordered = orderLines(sources);
      for (const [source, written] of sources.entries())
        assert.deepEqual(
          ordered.filter((line) => line.source === source),
          written,
        );
      assert.equal(ordered.length, sources.flat().length);
    }),
  );
});

test('where every source is in order by itself, so is the whole', () => {
  fc.assert(
    fc.property(lines, (sources) => {
      const sorted = sources.map((source) => source.toSorted((left, right) => left.time - right.time));
      const times = orderLines(sorted).map(({ time }) => time);
      assert.deepEqual(
        times,
        times.toSorted((left, right) => left - right),
      );
    }),
  );
});

test('an old time of one source does not move what another wrote meanwhile', () => {
  const ordered = orderLines([
    [
      { time: 10, n: 'a1' },
      { time: 0, n: 'a2' },
    ],
    [{ time: 5, n: 'b1' }],
  ]);
  assert.deepEqual(
    ordered.map(({ n }) => n),
    ['b1', 'a1', 'a2'],
  );
});
