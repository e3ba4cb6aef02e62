import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pickOfTwo } from '../../src/core/balance.ts';

const cost = (item: { cost: number }): number => item.cost;
const draws = (...values: number[]) => {
  let at = 0;
  return () => values[at++ % values.length] ?? 0;
};

test('of none comes nothing, of one always that one', () => {
  assert.equal(pickOfTwo([], cost, Math.random), undefined);
  const only = { cost: 9 };
  assert.equal(pickOfTwo([only], cost, Math.random), only);
});

test('the two that are drawn are never the same, whatever the draw, and the cheaper one is chosen', () => {
  const items = [{ cost: 1 }, { cost: 0 }];
  for (const first of [0, 0.49, 0.5, 0.999]) {
    for (const second of [0, 0.5, 0.999])
      assert.equal(pickOfTwo(items, cost, draws(first, second)), items[1]);
  }
});

test('equal ones share evenly, the busiest of many is never chosen', () => {
  const items = Array.from({ length: 5 }, (_hole, index) => ({ cost: index === 4 ? 10 : 0 }));
  const counts = new Map(items.map((item) => [item, 0]));
  for (let round = 0; round < 10_000; round += 1) {
    const item = pickOfTwo(items, cost, Math.random);
    if (item !== undefined) counts.set(item, (counts.get(item) ?? 0) + 1);
  }
  const [busiest, ...others] = [...counts.values()].reverse();
  assert.equal(busiest, 0);
  assert.ok(
    others.every((count) => count > 2_000 && count < 3_000),
    others.join(' '),
  );
});
