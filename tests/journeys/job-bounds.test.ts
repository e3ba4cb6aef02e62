/** Beyond each bound of jobs: an error that says of what and how much, and nothing half done. */
import assert from 'node:assert/strict';
import { mkdtempDisposableSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { AddedJob, JobCounts } from '../../src/define/jobs.ts';
import { startTestApp } from '../../src/testing/index.ts';
import type { TestApp } from '../../src/testing/test-app.ts';
import { setBound } from '../stores/store-folder.ts';
import type { JobJson } from './works.ts';

const folder = mkdtempDisposableSync(join(tmpdir(), 'tutti-jobs-'));
let app: TestApp;

before(async () => {
  const env = { HEARD: join(folder.path, 'heard'), PORT: '0' };
  app = await startTestApp(new URL('../fixtures/jobs/tutti.ts', import.meta.url), { env });
});
after(async () => {
  await app.close();
  folder.remove();
});

const ask = <T>(action: string, args: unknown[] = [], queue = 'hardy'): Promise<T> =>
  app.call(`office.${action}`, { queue, args }) as Promise<T>;
const later = { delayMs: 3_600_000 };
const open = async (): Promise<number> => {
  const { waiting, delayed, running } = await ask<JobCounts>('counts');
  return waiting + delayed + running;
};

test('more jobs than one addMany may have are refused, and none of them is added', async (context) => {
  setBound(context, 'jobsPerAdd', 3);
  const many = (count: number): object[] =>
    Array.from({ length: count }, (_none, number) => ({ input: { number }, ...later }));
  const message = 'At most 3 jobs are added at once, not 4';
  await assert.rejects(ask('addMany', [many(4)]), { code: 'INVALID_INPUT', message });
  assert.equal(await open(), 0);
  assert.equal((await ask<AddedJob[]>('addMany', [many(3)])).length, 3);
  assert.equal(await ask('drain'), 3);
});

test('an input that is too large is refused by its size, one more beside it too; over HTTP as well', async (context) => {
  setBound(context, 'jobInputBytes', 1_000);
  const large = { number: 1, how: 'x'.repeat(1_000) };
  const refused = { code: 'PAYLOAD_TOO_LARGE', message: 'The input of a job of hardy is over 1000 bytes' };
  await assert.rejects(ask('add', [large, later]), refused);
  await assert.rejects(ask('addMany', [[{ input: { number: 1 }, ...later }, { input: large }]]), refused);
  const answer = await fetch(`${app.gatewayUrl()}/jobs/hardy`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ input: large, ...later }),
  });
  const { code, detail } = (await answer.json()) as { code: string; detail: string };
  assert.deepEqual([answer.status, code, detail], [413, refused.code, refused.message]);
  assert.equal(await open(), 0);
  const exact = 1_000 - JSON.stringify({ payload: { number: 1, how: '' }, context: {} }).length;
  // With its context it is longer than alone.
  await assert.rejects(ask('add', [{ number: 1, how: 'x'.repeat(exact) }, later]), refused);
});

test('a progress that is too large is refused by its size, and the one before it stays', async () => {
  const { id } = await ask<AddedJob>('add', [{ number: 1, how: 'far' }], 'work');
  const job = await ask<JobJson>('waitFor', [id, { timeoutMs: 10_000 }], 'work');
  const reason = 'PAYLOAD_TOO_LARGE: The progress of a job is over 16384 bytes';
  assert.deepEqual([job.state, job.progress, job.reason], ['failed', 'near', reason]);
});

test('more who wait for the end of a job than may are refused at once, and those who do wait on', async (context) => {
  setBound(context, 'jobWaiters', 2);
  const { id } = await ask<AddedJob>('add', [{ number: 1 }, later]);
  const waiting = [1, 2].map(() => ask<JobJson>('waitFor', [id, { timeoutMs: 20_000 }]));
  await ask('counts');
  const from = performance.now();
  await assert.rejects(ask('waitFor', [id, { timeoutMs: 20_000 }]), {
    code: 'OVERLOADED',
    message: 'The store, where 2 wait for what becomes of jobs, has more work than it can take',
  });
  const tookMs = performance.now() - from;
  assert.ok(tookMs < 5_000, `${String(tookMs)} ms`);
  assert.equal(await ask('promote', [id]), true);
  for (const job of await Promise.all(waiting)) assert.equal(job.state, 'done');
});

test('who adds to a queue that is full hears that it is', async (context) => {
  setBound(context, 'openJobs', 2);
  for (const number of [1, 2]) await ask('add', [{ number }, later]);
  const refused = {
    code: 'OVERLOADED',
    message: 'The queue hardy, which has 2 open jobs, has more work than it can take',
  };
  await assert.rejects(ask('add', [{ number: 3 }, later]), refused);
  await assert.rejects(ask('addMany', [[{ input: { number: 3 } }, { input: { number: 4 } }]]), refused);
  assert.equal(await ask('drain'), 2);
});
