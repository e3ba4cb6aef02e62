/** What an isolated instance writes down for the supervisor: the job that must end first. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { JobNotes } from '../../../src/processes/instance/job-notes.ts';
import type { CallNote } from '../../../src/processes/instance/heartbeat.ts';
import { fakeClock } from '../../../src/testing/fake-clock.ts';

const run = (seq: number, queue = 'mail'): { seq: number; run: number; queue: string } => ({
  seq,
  run: 1,
  queue,
});

test('of the jobs that run the one is noted that must end first: at its time, or a grace after it was cancelled', () => {
  const clock = fakeClock();
  const now = clock.now();
  const notes: Partial<CallNote>[] = [];
  const heartbeat = { note: (note: Partial<CallNote>) => void notes.push(note) };
  const jobs = new JobNotes({ isolate: { graceMs: 300 }, clock, heartbeat, queues: ['mail', 'film'] });
  const next = (): Partial<CallNote> | undefined => {
    assert.ok(notes.length <= 1);
    return notes.shift();
  };
  jobs.began(run(1), 1_000);
  const first = { callAction: 0, callNumber: 1, callUnwanted: 0, callEndsBy: now + 1_300 };
  assert.deepEqual(next(), first);
  jobs.began(run(2, 'film'), 5_000);
  assert.equal(next(), undefined, 'it may go on for longer');
  jobs.aborting(run(2, 'film'), 'cancelled');
  assert.deepEqual(next(), { callAction: 1, callNumber: 2, callUnwanted: 1, callEndsBy: now + 300 });
  jobs.ended(run(2));
  assert.deepEqual(next(), first);
  clock.advance(1_000);
  jobs.aborting(run(1), 'timeout');
  assert.equal(next(), undefined, 'that was known before');
  jobs.ended(run(1));
  assert.deepEqual(next(), { callEndsBy: 0 });
});
