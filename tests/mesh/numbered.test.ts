import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Numbered } from '../../src/mesh/numbered.ts';

const item = (number: number): { readonly number: number } => ({ number });

test('finds under its number what was added, and nothing once it was deleted', () => {
  const table = new Numbered<object>();
  const one = item(1);
  table.add(1, one);
  assert.equal(table.get(1), one);
  assert.equal(table.get(17), undefined);
  assert.equal(table.delete(17), false);
  assert.equal(table.delete(1), true);
  assert.equal(table.delete(1), false);
  assert.equal(table.get(1), undefined);
  assert.equal(table.size, 0);
});

test('holds any number of them, also those of the highest numbers', () => {
  const table = new Numbered<{ readonly number: number }>();
  const numbers = Array.from({ length: 1_000 }, (_none, at) => 0xffff_ffff - at);
  for (const number of numbers) table.add(number, item(number));
  assert.equal(table.size, 1_000);
  assert.deepEqual(
    numbers.map((number) => table.get(number)?.number),
    numbers,
  );
  assert.equal(table.all().length, 1_000);
  for (const number of numbers) assert.equal(table.delete(number), true);
  assert.deepEqual(table.all(), []);
});

test('keeps apart what falls into one place', () => {
  const table = new Numbered<{ readonly number: number }>();
  const step = 2 ** 20;
  const numbers = Array.from({ length: 100 }, (_none, at) => 5 + at * step);
  for (const number of numbers) table.add(number, item(number));
  assert.deepEqual(
    numbers.map((number) => table.get(number)?.number),
    numbers,
  );
  assert.equal(table.delete(5), true);
  assert.equal(table.get(5), undefined);
  assert.equal(table.get(5 + step)?.number, 5 + step);
  assert.equal(table.all().length, 99);
  table.clear();
  assert.equal(table.size, 0);
  assert.equal(table.get(5 + step), undefined);
});

test('says whether the place of a number is free, whoever is in it', () => {
  const table = new Numbered<object>();
  table.add(3, item(3));
  assert.equal(table.isFree(3), false);
  assert.equal(table.isFree(3 + 2 ** 20), false);
  assert.equal(table.isFree(4), true);
  table.delete(3);
  assert.equal(table.isFree(3), true);
});
