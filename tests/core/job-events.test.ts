/** What is kept of the jobs of a queue that somebody follows: in order, bounded, and never with a hole. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bounds } from '../../src/core/bounds.ts';
import { isJobCursor, JobEventRing } from '../../src/core/job-events.ts';
import type { JobEventNote } from '../../src/core/job-events.ts';
import { setBound } from '../stores/store-folder.ts';

const origin = '0123456789abcdef';
const added = (id: number, more: Partial<JobEventNote> = {}): JobEventNote => {
  return { queue: 'work', type: 'added', id: String(id), at: 1, attempts: 0, ...more };
};

function ringOf(count: number, more: Partial<JobEventNote> = {}): JobEventRing {
  const ring = new JobEventRing('work', origin);
  for (let id = 1; id <= count; id += 1) ring.add(added(id, more));
  return ring;
}
const idsOf = (ring: JobEventRing, cursor: string, most = 100): string[] =>
  ring.after(cursor, most).flatMap((event) => ('id' in event ? [event.id] : []));

test('who follows from the beginning gets all of it in order, each with a cursor to go on behind it', () => {
  const ring = new JobEventRing('work', origin);
  const { cursor } = ring;
  assert.deepEqual(ring.after(cursor, 10), []);
  for (const id of [1, 2, 3]) ring.add(added(id));
  const all = ring.after(cursor, 10);
  assert.deepEqual(
    all.map((event) => 'id' in event && event.id),
    ['1', '2', '3'],
  );
  assert.deepEqual(
    all.map((event) => idsOf(ring, event.cursor)),
    [['2', '3'], ['3'], []],
  );
  assert.ok(all.every((event) => isJobCursor(event.cursor) && !('queue' in event)));
  assert.deepEqual(idsOf(ring, cursor, 2), ['1', '2']);
});

test('beyond their number the oldest goes, and who has not read it hears that there is a gap', (context) => {
  setBound(context, 'jobEvents', 3);
  const ring = ringOf(5);
  assert.equal(ring.size, 3);
  assert.deepEqual(idsOf(ring, `${origin}-2`), ['3', '4', '5']);
  assert.throws(() => ring.after(`${origin}-1`, 10), { code: 'EVENTS_LOST', http: 410 });
});

test('beyond their bytes the oldest goes, reasons and progress counted', (context) => {
  setBound(context, 'jobEventBytes', 2_500);
  assert.equal(ringOf(5, { reason: 'x'.repeat(1_000) }).size, 2);
  assert.equal(ringOf(5, { progress: 'x'.repeat(1_000) }).size, 2);
  const none = ringOf(5, { progress: 'x'.repeat(3_000) });
  assert.equal(none.size, 0);
  assert.throws(() => none.after(`${origin}-4`, 10), { code: 'EVENTS_LOST' });
  assert.deepEqual(none.after(none.cursor, 10), []);
});

test('a cursor of another recording, or of what has not happened, is refused', () => {
  const ring = ringOf(3);
  for (const cursor of [`fedcba9876543210-1`, `${origin}-4`, 'none'])
    assert.throws(() => ring.after(cursor, 10), {
      code: 'EVENTS_LOST',
      message: /^Events of work behind this cursor are lost: follow it without one/,
    });
});

test('a full page of the largest events fits into a frame', () => {
  const textBytes = 6 * (bounds.jobIdChars + bounds.jobError) + 2 * bounds.jobProgressBytes;
  assert.ok(bounds.jobPage * (textBytes + 200) < bounds.frameBytes);
});
