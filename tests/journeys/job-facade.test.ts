/** What `jobs` does for who asks, in one process: what it takes, refuses and tells. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempDisposableSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { AddedJob, JobCounts, JobLogLine } from '../../src/define/jobs.ts';
import { writeKept } from '../../src/mesh/kept-event.ts';
import { writeChange } from '../../src/mesh/store-change.ts';
import { startTestApp } from '../../src/testing/index.ts';
import type { TestApp } from '../../src/testing/test-app.ts';
import { turns } from '../stores/store-folder.ts';
import type { JobJson, Ran } from './works.ts';

const folder = mkdtempDisposableSync(join(tmpdir(), 'tutti-jobs-'));
const heard = join(folder.path, 'heard');
let app: TestApp;

const isKeptElsewhere = process.env['TUTTI_TEST_STORE'] !== undefined;
/** They ask the store for changes of an area, which nobody may from outside its app. */
const testInside = (title: string, run: () => Promise<void>): void => {
  if (!isKeptElsewhere) void test(title, run);
};

before(async () => {
  app = await startTestApp(new URL('../fixtures/jobs/tutti.ts', import.meta.url), {
    env: { HEARD: heard },
    // In the process of a test a store is always in a file.
    processes: isKeptElsewhere,
  });
});
after(async () => {
  await app.close();
  folder.remove();
});

const ask = <T>(action: string, args: unknown[] = [], queue = 'work'): Promise<T> =>
  app.call(`office.${action}`, { queue, args }) as Promise<T>;
const add = async (wish: object, options: object = {}, queue = 'work'): Promise<string> =>
  (await ask<AddedJob>('add', [wish, options], queue)).id;
const end = (id: string, queue = 'work'): Promise<JobJson & { reason?: string }> =>
  ask('waitFor', [id, { timeoutMs: 20_000 }], queue);
const ran = (): Ran[] =>
  (existsSync(heard) ? readFileSync(heard, 'utf8') : '')
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Ran);

test('what does not fit the schema of the queue is not added, and the answer says where', async () => {
  await assert.rejects(
    ask('add', [{ number: 'four' }]),
    (error: Error & { code: string; data: { issues: unknown[] } }) => {
      assert.equal(error.code, 'INVALID_INPUT');
      assert.deepEqual(error.data.issues, [
        { path: 'number', message: 'Invalid input: expected number, received string' },
      ]);
      return true;
    },
  );
  await assert.rejects(ask('addMany', [[{ input: { number: 1 } }, { input: {} }]]), {
    code: 'INVALID_INPUT',
  });
  assert.equal((await ask<JobCounts>('counts')).waiting, 0, 'none of them');
});

test('options that cannot be meant are refused, each by name', async () => {
  const refused: readonly [object, RegExp][] = [
    [{ jobId: '17' }, /not all digits/],
    [{ jobId: '' }, /A jobId is a text of 1 to 255 characters/],
    [{ jobId: 'x'.repeat(256) }, /A jobId/],
    [{ jobId: '\ud800' }, /A jobId/],
    [{ jobId: 'a\0b' }, /A jobId/],
    [{ priority: 10 }, /priority is a whole number from 0 to 9/],
    [{ delayMs: -1 }, /delayMs is a whole number from 0/],
    [{ delayMs: 1.5 }, /delayMs/],
    [{ runAt: 'tomorrow' }, /runAt is a Date/],
    [{ deduplication: { id: '' } }, /deduplication\.id/],
    [{ deduplication: { id: 'x', ttlMs: 'long' } }, /deduplication\.ttlMs/],
  ];
  for (const [options, message] of refused)
    await assert.rejects(ask('add', [{ number: 1 }, options]), { code: 'INVALID_INPUT', message });
  await assert.rejects(ask('list', [{ state: 'lost' }]), /pending, running, done, failed or cancelled/);
  await assert.rejects(ask('list', [{ limit: 251 }]), /limit is a whole number from 1 to 250/);
  await assert.rejects(ask('clean', ['running']), /done, failed or cancelled can be cleaned/);
});

test('hostile names are names and nothing more', async () => {
  for (const jobId of ['__proto__', 'constructor', '../x', "a' OR 1=1 --", 'a\nb', '\u202e', '😀']) {
    assert.deepEqual(await ask('add', [{ number: 1 }, { jobId }]), { id: jobId, added: true });
    assert.deepEqual(await ask('add', [{ number: 1 }, { jobId }]), { id: jobId, added: false });
    assert.equal((await end(jobId)).id, jobId);
  }
});

test('a hundred who add one name at once get one job, and identical answers', async () => {
  const answers = await Promise.all(
    // From outside, the command lets through no more.
    Array.from({ length: isKeptElsewhere ? 50 : 100 }, () =>
      ask<AddedJob>('add', [{ number: 77 }, { jobId: 'only' }]),
    ),
  );
  assert.equal(answers.filter(({ added }) => added).length, 1);
  await end('only');
  assert.equal(ran().filter(({ number, what }) => number === 77 && what === 'begun').length, 1);
});

test('a handler tells how far it is, and has a log; what it gives is the result', async () => {
  const id = await add({ number: 3, how: 'steps' });
  const job = await end(id);
  assert.deepEqual([job.state, job.progress, job.result], ['done', { step: 3 }, { number: 6 }]);
  const lines = await ask<JobLogLine[]>('logs', [id]);
  assert.deepEqual(
    lines.map(({ text }) => text),
    ['step 1', 'step 2', 'step 3'],
  );
});

test('who gives up, or gives too much, has failed at the first attempt', async () => {
  const [gaveUp, big] = [
    await end(await add({ number: 1, how: 'giveUp' })),
    await end(await add({ number: 1, how: 'big' })),
  ];
  assert.deepEqual([gaveUp.state, gaveUp.attempts, gaveUp.reason], ['failed', 1, 'there is no such address']);
  assert.deepEqual([big.state, big.attempts], ['failed', 1]);
  assert.match(big.reason ?? '', /over 1048576 bytes/);
});

testInside(
  'a job of an earlier release that does not fit the schema any more fails at once, and says where',
  async () => {
    const old = { id: null, priority: 5, body: writeKept({ number: 'four' }, undefined) };
    const ask = { area: 'jobs', name: 'add', input: { queue: 'work', jobs: [old] } };
    const change = writeChange(ask, { origin: 'test', number: 1 });
    const [added] = (await app.call('store:main.mutate', change)) as AddedJob[];
    const job = await end(added?.id ?? '');
    assert.deepEqual([job.state, job.attempts], ['failed', 1]);
    assert.match(job.reason ?? '', /^INVALID_INPUT: .* \(number: Invalid input: expected number/);
  },
);

testInside('a run that has lost its job is told so when it speaks of it, and its signal aborts', async () => {
  const id = await add({ number: 31, ms: 300, how: 'deaf' }, {}, 'hardy');
  while (!ran().some((one) => one.id === id)) await turns(20);
  const seq = Number(id);
  const ends = [{ seq, run: 1, end: 'again', afterMs: 0, reason: 'taken away' }];
  const ask = { area: 'jobs', name: 'turn', input: { queue: 'hardy', ends } };
  await app.call('store:main.mutate', writeChange(ask, { origin: 'test', number: 2 }));
  await end(id, 'hardy');
  const lost = ran().filter((one) => one.id === id && one.attempt === 1);
  assert.ok(lost.some(({ what }) => what === 'LEASE_LOST'));
  assert.ok(lost.some(({ what }) => what === 'told to end'));
});

test('what fails is tried again after its backoff, and the reason that others see has no stack', async () => {
  const id = await add({ number: 5, fails: 9 });
  const job = await end(id);
  assert.deepEqual([job.state, job.attempts, job.reason], ['failed', 3, 'Error: not yet, said at attempt 3']);
  const [first, second, third] = ran().filter((one) => one.id === id && one.what === 'begun');
  assert.ok(first && second && third);
  assert.ok(second.at - first.at >= 20 && third.at - second.at >= 40, 'twice as long each time');
  const { failed } = await ask<JobCounts>('counts');
  assert.ok(failed >= 1);
  assert.equal(await ask('redrive'), failed);
});

test('an end that is already there is told at once; one that does not come is waited for no longer than asked', async () => {
  await assert.rejects(ask('waitFor', ['nobody', { timeoutMs: 1_000 }]), { code: 'NOT_FOUND' });
  const id = await add({ number: 1 }, { delayMs: 60_000 });
  await assert.rejects(ask('waitFor', [id, { timeoutMs: 50 }]), { code: 'CALL_TIMED_OUT' });
  assert.equal(await ask('remove', [id]), true);
  const later = await add({ number: 1 }, { delayMs: 60_000 });
  const waiting = assert.rejects(ask('waitFor', [later, { timeoutMs: 10_000 }]), { code: 'NOT_FOUND' });
  assert.equal(await ask('remove', [later]), true);
  await waiting;
});

test('no more run at once than the queue allows, and a rate is kept', async () => {
  const jobs = (count: number, ms: number): object[] =>
    Array.from({ length: count }, (_none, number) => ({ input: { number, ms } }));
  await ask('addMany', [jobs(20, 20)], 'slow');
  await ask('addMany', [jobs(35, 0)], 'paced');
  const [last] = (await ask<{ jobs: JobJson[] }>('list', [{ limit: 1 }], 'paced')).jobs;
  const [lastSlow] = (await ask<{ jobs: JobJson[] }>('list', [{ limit: 1 }], 'slow')).jobs;
  await end(lastSlow?.id ?? '', 'slow');
  await end(last?.id ?? '', 'paced');
  let now = 0;
  let most = 0;
  for (const { what, queue } of ran()) {
    if (queue !== 'slow') continue;
    now += what === 'begun' ? 1 : -1;
    most = Math.max(most, now);
  }
  assert.ok(most <= 4 && most > 1, String(most));
  const begun = ran().filter(({ what, queue }) => queue === 'paced' && what === 'begun');
  assert.equal(begun.length, 35);
  const took = (begun.at(-1)?.at ?? 0) - (begun[0]?.at ?? 0);
  // By the clock of the handlers, of which the first may be late: three windows would be 400 ms.
  assert.ok(took >= 500, `four windows of ten, in ${String(took)} ms`);
});

test('a paused queue begins none, and goes on at once when it may; a drained one has nothing left', async () => {
  await ask('pause');
  const id = await add({ number: 1 });
  assert.equal((await ask<JobCounts>('counts')).waiting, 1);
  const at = Date.now();
  await ask('resume');
  await end(id);
  const begun = ran().find((one) => one.id === id);
  assert.ok(begun && begun.at >= at && begun.at - at < 1_000);
  await ask('pause');
  for (let number = 0; number < 3; number += 1) await add({ number });
  assert.equal(await ask('drain'), 3);
  await ask('resume');
});

test('a queue is followed from now on, and further from a cursor', async () => {
  const told: { readonly type: string; readonly id?: string; readonly cursor: string }[] = [];
  const read = async (after: string | undefined, last: string): Promise<void> => {
    for await (const event of app.stream('office.events', { queue: 'hardy', args: [{ after }] })) {
      told.push(event as (typeof told)[number]);
      if (told.at(-1)?.type === 'following') await add({ number: 1 }, { jobId: 'followed' }, 'hardy');
      if (told.at(-1)?.type === last) return;
    }
  };
  await read(undefined, 'begun');
  await read(told.at(-1)?.cursor, 'done');
  assert.deepEqual(
    told.map(({ type, id }) => [type, id]),
    [['following', undefined], ...['added', 'begun', 'done'].map((type) => [type, 'followed'])],
  );
});
