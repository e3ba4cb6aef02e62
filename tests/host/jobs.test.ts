/** How the end of a job is waited for, with a store that answers as it is told. */
import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { test } from 'node:test';
import { makeJobs } from '../../src/host/jobs.ts';
import { defineQueue } from '../../src/define/queue.ts';
import type { Jobs } from '../../src/define/jobs.ts';
import type { StoreClient } from '../../src/mesh/store-client.ts';
import { fakeClock } from '../../src/testing/fake-clock.ts';
import { trusted } from '../../src/define/schema.ts';
import { turns } from '../stores/store-folder.ts';

const queue = defineQueue('work', { input: trusted<unknown>() });

/** A store in which nothing ends. */
function jobsOf(): { readonly jobs: Jobs; readonly asked: () => number } {
  let asked = 0;
  const wait = (): Promise<never> => {
    asked += 1;
    return new Promise(() => undefined);
  };
  const store: StoreClient = { wait, query: wait, mutate: wait };
  return { jobs: makeJobs(store, fakeClock()), asked: () => asked };
}

test('who waits for a job with a signal that has aborted asks nobody, and hears why', async () => {
  const { jobs, asked } = jobsOf();
  const reason = new Error('enough');
  await assert.rejects(jobs.waitFor(queue, '1', { signal: AbortSignal.abort(reason) }), reason);
  assert.equal(asked(), 0);
});

test('a signal ends a wait at once, and nothing is left on it', async () => {
  const { jobs, asked } = jobsOf();
  const abort = new AbortController();
  let heard: unknown;
  jobs.waitFor(queue, '1', { signal: abort.signal }).catch((error: unknown) => (heard = error));
  await turns(2);
  assert.equal(asked(), 1);
  const reason = new Error('enough');
  abort.abort(reason);
  await turns(2);
  assert.equal(heard, reason);
  assert.deepEqual([getEventListeners(abort.signal, 'abort').length, asked()], [0, 1]);
});
