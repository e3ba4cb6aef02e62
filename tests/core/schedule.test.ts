import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dueTicks, everyMs, repairedTick } from '../../src/core/schedule.ts';
import type { TickQuestion } from '../../src/core/schedule.ts';

/** Every 100, at 0, 100, 200. Late is more than 150. */
const question = (more: Partial<TickQuestion>): TickQuestion => ({
  ...{ nextAt: 1_000, now: 1_000, missed: 'once', overlap: 'allow', isOpen: false },
  ...{ next: everyMs(100, 0), lateMs: 150, most: 10 },
  ...more,
});

const cases: [string, Partial<TickQuestion>, { ticks: number[]; nextAt: number | undefined }][] = [
  ['nothing before its time', { now: 999 }, { ticks: [], nextAt: 1_000 }],
  ['a tick at its time', {}, { ticks: [1_000], nextAt: 1_100 }],
  ['a tick that is seen late is the tick it was', { now: 1_099 }, { ticks: [1_000], nextAt: 1_100 }],
  ['once: one for all that were missed', { now: 9_999 }, { ticks: [1_000], nextAt: 10_000 }],
  ['all: each of them', { missed: 'all', now: 1_250 }, { ticks: [1_000, 1_100, 1_200], nextAt: 1_300 }],
  ['all: at most so many', { missed: 'all', now: 9_999, most: 2 }, { ticks: [1_000, 1_100], nextAt: 1_200 }],
  [
    'skip: one that is not over the time late',
    { missed: 'skip', now: 1_150 },
    { ticks: [1_000], nextAt: 1_200 },
  ],
  [
    'skip: not again the one before, though that is no more than the time late either',
    { missed: 'skip', nextAt: 1_100, now: 1_150 },
    { ticks: [1_100], nextAt: 1_200 },
  ],
  [
    'skip: none that is, but the first that is not',
    { missed: 'skip', now: 1_151 },
    { ticks: [1_100], nextAt: 1_200 },
  ],
  [
    'skip: the first that is late by just so much',
    { missed: 'skip', now: 1_350 },
    { ticks: [1_200], nextAt: 1_400 },
  ],
  ['skip: none', { missed: 'skip', now: 1_051, lateMs: 50 }, { ticks: [], nextAt: 1_100 }],
  ['overlap skip: none while one is open', { overlap: 'skip', isOpen: true }, { ticks: [], nextAt: 1_100 }],
  ['overlap skip: as usual while none is', { overlap: 'skip' }, { ticks: [1_000], nextAt: 1_100 }],
  ['overlap allow: whatever is open', { isOpen: true }, { ticks: [1_000], nextAt: 1_100 }],
  [
    'overlap skip: of all that were missed one, since the second would overlap',
    { overlap: 'skip', missed: 'all', now: 1_250 },
    { ticks: [1_000], nextAt: 1_300 },
  ],
  ['the last one', { next: () => undefined }, { ticks: [1_000], nextAt: undefined }],
  ['the last one, of all', { missed: 'all', next: () => undefined }, { ticks: [1_000], nextAt: undefined }],
  [
    'skip: the last one was missed',
    { missed: 'skip', now: 2_000, next: () => undefined },
    { ticks: [], nextAt: undefined },
  ],
];
for (const [what, more, answer] of cases)
  test(`ticks: ${what}`, () => {
    assert.deepEqual(dueTicks(question(more)), answer);
  });

test('however often one looks, and however late, with `all` each tick is there once', () => {
  const seen: number[] = [];
  let nextAt: number | undefined = 1_000;
  for (let now = 950; now < 20_000; now += now % 7 === 0 ? 1 : 333) {
    const answer = dueTicks(question({ nextAt: nextAt ?? 0, now, missed: 'all', most: 2 }));
    assert.ok(
      answer.ticks.every((tick) => tick <= now),
      'never early',
    );
    seen.push(...answer.ticks);
    nextAt = answer.nextAt;
  }
  assert.deepEqual(
    seen,
    Array.from(seen, (_none, index) => 1_000 + index * 100),
  );
});

test('a rhythm of so many milliseconds is counted from its ticks, and does not drift', () => {
  const next = everyMs(100, 1_030);
  assert.deepEqual(
    [1_030, 1_031, 1_129, 1_130, 5_555, 0, -1].map(next),
    [1_130, 1_130, 1_130, 1_230, 5_630, 30, 30],
  );
});

test('a next tick is put right: one that is lost, one that is too far off, one that is no tick any more; not one that is due', () => {
  const next = everyMs(100, 0);
  assert.equal(repairedTick(undefined, 1_010, next), 1_100);
  assert.equal(repairedTick(900_000, 1_010, next), 1_100);
  assert.equal(repairedTick(1_050, 1_010, next), 1_100);
  assert.equal(repairedTick(500, 1_010, next), 500);
});
