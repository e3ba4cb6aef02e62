import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { findCycle, startLevels } from '../../src/core/graph.ts';
import type { Needs } from '../../src/core/graph.ts';

const needs = (record: Record<string, string[]>): Needs => new Map(Object.entries(record));

test('services start level by level, side by side inside one', () => {
  const levels = startLevels(needs({ orders: ['users', 'mail'], users: [], mail: ['users'], audit: [] }));
  assert.deepEqual(levels, [['users', 'audit'], ['mail'], ['orders']]);
});

test('a cycle is told as a path that ends where it began', () => {
  assert.deepEqual(findCycle(needs({ z: ['a'], a: ['b'], b: ['c'], c: ['a'] })), ['a', 'b', 'c', 'a']);
  assert.deepEqual(findCycle(needs({ a: ['a'] })), ['a', 'a']);
  assert.equal(findCycle(needs({ a: ['b', 'c'], b: ['d'], c: ['d'], d: [] })), undefined);
});

test('a need that nobody meets and names of Object.prototype are names like others', () => {
  const strange = needs({ constructor: ['toString'], toString: ['nobody'] });
  assert.equal(findCycle(strange), undefined);
  assert.deepEqual(startLevels(strange), [['toString'], ['constructor']]);
});

test('every service stands exactly once, above all that it needs', () => {
  // A need is always of a smaller number: no cycles.
  const graphs = fc
    .array(fc.array(fc.nat(30), { maxLength: 5 }), { minLength: 1, maxLength: 30 })
    .map((rows) =>
      needs(
        Object.fromEntries(
          rows.map((row, index) => [
            `s${String(index)}`,
            row.filter((need) => need < index).map((need) => `s${String(need)}`),
          ]),
        ),
      ),
    );
  fc.assert(
    fc.property(graphs, (graph) => {
      const levels = startLevels(graph);
      const levelOf = new Map(levels.flatMap((names, level) => names.map((name) => [name, level] as const)));
      assert.equal(levels.flat().length, graph.size);
      assert.equal(findCycle(graph), undefined);
      for (const [name, own] of graph)
        for (const need of own) assert.ok((levelOf.get(need) ?? Infinity) < (levelOf.get(name) ?? -1));
    }),
  );
});

test('what is called a cycle is one', () => {
  const graphs = fc
    .array(fc.array(fc.nat(8), { maxLength: 3 }), { minLength: 1, maxLength: 8 })
    .map((rows) =>
      needs(
        Object.fromEntries(
          rows.map((row, index) => [`s${String(index)}`, row.map((need) => `s${String(need)}`)]),
        ),
      ),
    );
  fc.assert(
    fc.property(graphs, (graph) => {
      const cycle = findCycle(graph) ?? [];
      assert.equal(cycle[0], cycle.at(-1));
      for (const [at, name] of cycle.slice(0, -1).entries())
        assert.ok(graph.get(name)?.includes(cycle[at + 1] ?? ''));
    }),
  );
});
