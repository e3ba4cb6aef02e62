import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isJobEndReason, jobEndReason, jobEnds } from '../../src/core/isolation.ts';

test('why the process of a job was ended is told in words that are known again', () => {
  const told = jobEnds.map((why) => jobEndReason(why, { queue: 'film', number: 17 }, { graceMs: 300 }));
  assert.deepEqual(told, [
    'job 17 of film ran on for 300 ms after its time was over',
    'job 17 of film ran on for 300 ms after it was cancelled',
    'job 17 of film ran on for 300 ms after it was given to another run',
  ]);
  assert.ok(told.every(isJobEndReason));
  assert.ok(!isJobEndReason('killed by SIGKILL'));
});
