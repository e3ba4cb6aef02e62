import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Admission } from '../../src/mesh/admission.ts';
import type { Admitted } from '../../src/mesh/admission.ts';

const call = (startedAt: number, priority: number, bytes = 1): Admitted => ({
  ...{ startedAt, priority, bytes },
  deadline: Infinity,
});

test('who was put aside in vain keeps the place it had', () => {
  const admission = new Admission<Admitted>({ concurrency: 1, queue: 100, queueBytes: 10 });
  assert.equal(admission.admit(call(0, 5)).verdict, 'run');
  const waiting = [1, 2, 3].map((at) => call(at, 2));
  for (const one of waiting) assert.equal(admission.admit(one).verdict, 'wait');
  // Too large for the line even when it is empty.
  assert.deepEqual(admission.admit(call(4, 9, 11)), { verdict: 'full', displaced: [] });
  assert.deepEqual([admission.leave(5), admission.leave(6), admission.leave(7)], waiting);
});
