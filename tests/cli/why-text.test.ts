/** The answer of `why` as text: where what was left out is said, and how finely time is told. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { renderWhy } from '../../src/cli/why-text.ts';
import { explain } from '../../src/core/explain.ts';
import { makePaint } from '../../src/core/paint.ts';
import { everything, exit, happened } from '../core/made-events.ts';

const noon = new Date(2026, 4, 1, 12).getTime();
const second = 1_000;

/** What is told of failures so many milliseconds after noon, each with an end of its own. */
function told(times: readonly number[], most: number): string[] {
  const at = { from: noon + 60 * second, to: noon + 120 * second - 1 };
  const events = times.map((time, n) =>
    happened({
      time: noon + time,
      reason: `end ${String(n)}`,
      failures: 1,
      evidence: exit(3, null, 200),
    }),
  );
  const found = { service: 'users', slot: undefined, target: 'users' };
  const explanation = explain({ about: found, span: everything, moment: at, most }, undefined, events);
  const why = {
    ...{ status: undefined, down: 'It does not run.', now: noon, found, at, before: [] },
    ...{ span: { from: noon, to: noon + 180 * second }, explanation, rememberedSince: undefined },
  };
  return renderWhy(why, { paint: makePaint(false), columns: Infinity }).split('\n');
}

test('what was left out is said where it would stand, on both sides of the minute that was asked for', () => {
  const lines = told(
    [10, 50, 70, 80, 130, 150, 170].map((at) => at * second),
    2,
  );
  assert.deepEqual(lines.slice(0, 7), [
    ...['It does not run.', '', 'Around 12:01, from 12:00:00 to 12:03:00:'],
    '  (2 more before that: npx tutti history users)',
    '  12:01:10  users#1  exited with code 3 after it was ready for 200 ms; starts again at once',
    '  12:01:20  users#1  exited with code 3 after it was ready for 200 ms; starts again at once',
    '  (3 more after that: npx tutti history users)',
  ]);
});

test('lines within one second show how long it took from one to the next', () => {
  const times = (lines: readonly string[]): string[] =>
    lines.slice(3, 5).map((line) => line.trim().split(' ')[0] ?? '');
  assert.deepEqual(times(told([60_000, 61_000], 9)), ['12:01:00', '12:01:01']);
  assert.deepEqual(times(told([60_113, 60_871], 9)), ['12:01:00.113', '12:01:00.871']);
});
