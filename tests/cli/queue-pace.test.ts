/** How fast a queue gets done, and how that is shown: from looks alone. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { haltText } from '../../src/cli/jobs-text.ts';
import { watchLine, watchScreen } from '../../src/cli/jobs-watch-view.ts';
import { keptLooks, paceOf } from '../../src/cli/queue-pace.ts';
import type { QueueLook } from '../../src/cli/queue-pace.ts';
import type { QueueView } from '../../src/core/job-view.ts';
import { makePaint } from '../../src/core/paint.ts';

const viewOf = (open: number, done: number, more: Partial<QueueView> = {}): QueueView => ({
  ...{ queue: 'mail', isPaused: false, worker: { service: 'mailer', ready: 2 } },
  counts: { waiting: open, delayed: 0, running: 0, done: 7, failed: 0, cancelled: 0 },
  ends: { done, failed: 0, again: 0 },
  ...more,
});
const looksOf = (...seen: readonly (readonly [at: number, open: number, done: number])[]): QueueLook[] =>
  seen.reduce<QueueLook[]>(
    (looks, [at, open, done]) => keptLooks(looks, { at, view: viewOf(open, done) }),
    [],
  );

test('one look tells nothing of the pace, two tell it', () => {
  assert.deepEqual(paceOf([]), { perSecond: null, emptyInMs: null });
  assert.deepEqual(paceOf(looksOf([0, 100, 0])), { perSecond: null, emptyInMs: null });
  assert.deepEqual(paceOf(looksOf([0, 100, 0], [2_000, 80, 20])), { perSecond: 10, emptyInMs: 8_000 });
});

test('what is kept of ended jobs is no measure: the pace counts runs, and only those of the last seconds', () => {
  const looks = looksOf([0, 100, 0], [1_000, 100, 0], [4_000, 70, 30], [6_000, 50, 50]);
  assert.deepEqual(paceOf(looks), { perSecond: 10, emptyInMs: 5_000 });
});

test('a queue that becomes no less is at no end, however much of it is done', () => {
  assert.deepEqual(paceOf(looksOf([0, 100, 0], [1_000, 100, 50])), { perSecond: 50, emptyInMs: null });
});

test('a new owner of the store counts from 0: what the last one counted is left', () => {
  assert.deepEqual(paceOf(looksOf([0, 100, 500], [1_000, 90, 4])), { perSecond: null, emptyInMs: null });
  assert.equal(paceOf(looksOf([0, 100, 500], [1_000, 90, 4], [2_000, 80, 14])).perSecond, 10);
});

test('why nothing is begun is one word, the nearest first', () => {
  const worker = { service: 'mailer', ready: 0 };
  assert.equal(haltText(viewOf(1, 0)), '');
  assert.equal(haltText(viewOf(1, 0, { worker })), 'nobody of mailer is ready');
  assert.equal(haltText(viewOf(1, 0, { worker: null })), 'no worker');
  assert.equal(haltText(viewOf(1, 0, { worker: null, isPaused: true })), 'paused');
});

test('a line and a screen say the same, and what is known is not made up', () => {
  const pace = { perSecond: 2.5, emptyInMs: 65_000 };
  const line = watchLine(viewOf(12, 0), pace, 0);
  assert.match(line, / {2}mail {2}waiting 12 {2}.* {2}2\.5 done a second {2}empty in about 1m 05s$/);
  assert.match(watchLine(viewOf(0, 0), pace, 0), /nothing is open$/);
  const unknown = { perSecond: null, emptyInMs: null };
  assert.match(watchLine(viewOf(3, 0, { isPaused: true }), unknown, 0), /cancelled 0 {2}paused$/);
  const facts = { pace, silence: undefined, paint: makePaint(false) };
  const failed = { counts: { ...viewOf(3, 0).counts, failed: 2 }, isPaused: true };
  const screen = watchScreen({ ...facts, view: viewOf(3, 0, failed) }).join('\n');
  assert.match(screen, /^mail {2}done by mailer, 2 ready\n\n {2}WAITING[^]*2\.5 done a second {3}empty in/);
  assert.match(screen, /\n {2}! paused\n[^]*npx tutti jobs dead mail\n/);
  assert.match(
    watchScreen({ ...facts, silence: 'held up', view: viewOf(1, 0) }).join('\n'),
    /ready\nheld up\n/,
  );
});
