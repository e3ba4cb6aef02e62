/** Jobs in real processes: what was added is done, whoever dies, and nobody else decides that it is over. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startEngine } from '../stores/change-log/engine-servers.ts';
import { makeHome, pidOf } from './command.ts';
import { restartUnder } from './engine-restarts.ts';
import { Works } from './works.ts';
import type { JobJson } from './works.ts';
import { anyStoreTest, slowTest } from '../fuzz/chance.ts';

const home = makeHome();
let app: Works;

before(async () => {
  app = new Works(home.folder, { WORKERS: '2' });
  await app.ready();
});
after(async () => {
  await app[Symbol.asyncDispose]();
  home[Symbol.dispose]();
});

const runsOf = (id: string, what: string): number =>
  app.ran().filter((one) => one.id === id && one.what === what).length;
const lives = async (slot: string, pid: number): Promise<void> => {
  await app.until(`${slot} is back`, ({ services }) =>
    services.some(({ instances }) =>
      instances.some((one) => one.slot === slot && one.pid !== pid && one.state === 'ready'),
    ),
  );
};

test('a job whose worker is killed is begun again by another within a second, and keeps its attempts', async (context) => {
  const id = await app.add({ number: 1, ms: 400 });
  const first = await app.begun(id);
  process.kill(first.pid, 'SIGKILL');
  const killedAt = Date.now();
  const second = await app.begun(id, 2);
  context.diagnostic(`begun again after ${String(second.at - killedAt)} ms, 20 of them its backoff`);
  assert.ok(second.at - killedAt < 1_000);
  assert.notEqual(second.pid, first.pid);
  const job = await app.end(id);
  assert.deepEqual([job.state, job.attempts, job.result], ['done', 2, { number: 2 }]);
  await app.ready();
});

test('how long a job took is not held against its worker: what comes next is done by all of them', async () => {
  const long = await app.add({ number: 40, ms: 900 });
  const { pid } = await app.begun(long);
  // Meanwhile the other one does short ones, and both are compared.
  for (let number = 0; number < 20; number += 1) await app.end(await app.add({ number, ms: 5 }));
  await app.end(long);
  for (let number = 0; number < 2; number += 1) await app.end(await app.add({ number, ms: 300 }));
  const jobs = Array.from({ length: 40 }, (_none, number) => ({ input: { number, ms: 20 } }));
  const added = await app.ask<{ id: string }[]>('addMany', [jobs]);
  const ends = await Promise.all(added.map(({ id }) => app.end(id)));
  assert.ok(ends.every(({ state }) => state === 'done'));
  const ids = new Set(added.map(({ id }) => id));
  const its = app.ran().filter((one) => one.what === 'done' && one.pid === pid && ids.has(one.id));
  assert.ok(its.length >= 10, `of 40 jobs it did ${String(its.length)}`);
});

anyStoreTest(
  'a job that ends its process each time has failed after its attempts, and stays so until somebody asks',
  async () => {
    const id = await app.add({ number: 2, how: 'exit' });
    const job = await app.end(id);
    assert.deepEqual([job.state, job.attempts], ['failed', 3]);
    assert.match(job.reason ?? '', /^INSTANCE_LOST: /);
    assert.equal(runsOf(id, 'begun'), 3);
    await app.ready();
    assert.equal((await app.ask<{ state: string }>('get', [id])).state, 'failed');
    assert.equal(await app.ask('retry', [id]), true);
    assert.equal((await app.end(id)).state, 'failed');
    assert.equal(runsOf(id, 'begun'), 6);
    await app.ready();
  },
);

/** Kills whoever has it in hand at this attempt. */
async function killRunner(id: string, attempt: number): Promise<void> {
  const { pid } = await app.begun(id, attempt);
  process.kill(pid, 'SIGKILL');
}

anyStoreTest('three kills of one job with five attempts complete it', async () => {
  const id = await app.add({ number: 3, ms: 500 }, {}, { queue: 'five' });
  for (const attempt of [1, 2, 3]) await killRunner(id, attempt);
  const job = await app.end(id, 'five');
  assert.deepEqual([job.state, job.attempts, job.result], ['done', 4, { number: 6 }]);
  assert.deepEqual([runsOf(id, 'begun'), runsOf(id, 'done')], [4, 1]);
  await app.ready();
});

test('five kills of one job with five attempts fail it with the reason, and it stays failed until it is asked for', async () => {
  const id = await app.add({ number: 13, ms: 500 }, {}, { queue: 'five' });
  for (const attempt of [1, 2, 3, 4, 5]) await killRunner(id, attempt);
  const job = await app.end(id, 'five');
  assert.deepEqual([job.state, job.attempts], ['failed', 5]);
  assert.match(job.reason ?? '', /^INSTANCE_LOST: /);
  await app.ready();
  // Nobody who comes later takes it for one that is to be run: neither a worker nor an owner of the store.
  const pid = pidOf(await app.status(), 'store:main#1');
  process.kill(pid, 'SIGKILL');
  await lives('store:main#1', pid);
  await app.end(await app.add({ number: 14 }, {}, { queue: 'five' }), 'five');
  assert.deepEqual((await app.ask<JobJson>('get', [id], { queue: 'five' })).state, 'failed');
  assert.equal(runsOf(id, 'begun'), 5);
  assert.equal(await app.ask('retry', [id], { queue: 'five' }), true);
  const again = await app.end(id, 'five');
  assert.deepEqual([again.state, again.attempts, runsOf(id, 'begun')], ['done', 1, 6]);
});

test('a draining worker is asked by a new owner of the store: what it runs goes on there, once', async () => {
  const id = await app.add({ number: 15, ms: 1_200 }, {}, { queue: 'five' });
  const first = await app.begun(id);
  const status = await app.status();
  const slot = ['worker#1', 'worker#2'].find((one) => pidOf(status, one) === first.pid) ?? '';
  const owner = pidOf(status, 'store:main#1');
  const restarted = app.admin.post('/restart', { target: slot }, { timeoutMs: 30_000 });
  await app.until('it drains', ({ services }) =>
    services.some(({ instances }) =>
      instances.some(({ pid, state }) => pid === first.pid && state !== 'ready'),
    ),
  );
  process.kill(owner, 'SIGKILL');
  const job = await app.end(id, 'five');
  assert.deepEqual([job.state, job.attempts, job.result], ['done', 1, { number: 30 }]);
  assert.deepEqual([runsOf(id, 'begun'), runsOf(id, 'done')], [1, 1]);
  await restarted;
  await lives('store:main#1', owner);
});

slowTest(
  'a page of jobs that are large together is a shorter one, and the pages hold all of them',
  async () => {
    const how = 'x'.repeat(1_000_000);
    const ids: string[] = [];
    for (let number = 0; number < 18; number += 1)
      ids.push(await app.add({ number, how }, { delayMs: 3_600_000 }, { queue: 'five' }));
    const found: string[] = [];
    const sizes: number[] = [];
    let after: string | undefined;
    do {
      const wish = { state: 'pending', limit: 100, after };
      const page = await app.ask<{ jobs: JobJson[]; next?: string }>('list', [wish], { queue: 'five' });
      found.push(...page.jobs.map((job) => job.id));
      sizes.push(page.jobs.length);
      after = page.next;
    } while (after !== undefined);
    assert.deepEqual(found, ids);
    assert.ok(Math.max(...sizes) < ids.length && Math.min(...sizes) > 0, String(sizes));
    assert.equal(await app.ask('drain', [], { queue: 'five' }), ids.length);
  },
);

test('what runs when the owner of the store dies runs on, once, and its end is not lost', async () => {
  const id = await app.add({ number: 4, ms: 900 });
  const short = await app.add({ number: 5, ms: 150 });
  await app.begun(id);
  await app.begun(short);
  const pid = pidOf(await app.status(), 'store:main#1');
  process.kill(pid, 'SIGKILL');
  const [job, other] = await Promise.all([app.end(id), app.end(short)]);
  assert.deepEqual([job.state, job.attempts, job.result], ['done', 1, { number: 8 }]);
  assert.deepEqual([other.state, other.attempts], ['done', 1], 'it ended while there was no owner');
  assert.deepEqual([runsOf(id, 'begun'), runsOf(short, 'begun')], [1, 1]);
  await lives('store:main#1', pid);
});

test('a restart of the store that was asked for holds up no queue, and what runs runs on', async () => {
  const id = await app.add({ number: 11, ms: 5_000 }, {}, { queue: 'hardy' });
  await app.begun(id);
  const at = performance.now();
  await app.admin.post('/restart', { target: 'store:main' }, { timeoutMs: 30_000 });
  const quick = await app.end(await app.add({ number: 12 }));
  const tookMs = performance.now() - at;
  assert.equal(quick.state, 'done');
  assert.equal((await app.ask<{ state: string }>('get', [id], { queue: 'hardy' })).state, 'running');
  const job = await app.end(id, 'hardy');
  assert.deepEqual([job.state, job.attempts, runsOf(id, 'begun')], ['done', 1, 1], `${String(tookMs)} ms`);
});

test('a running job is cancelled wherever it runs: its signal aborts within a second, and its end changes nothing', async () => {
  const id = await app.add({ number: 6, ms: 900 });
  await app.begun(id);
  const at = Date.now();
  assert.equal(await app.ask('cancel', [id, 'not wanted any more']), true);
  const aborted = await app.untilRan('it is told', (ran) =>
    ran.find((one) => one.id === id && one.what === 'aborted'),
  );
  assert.ok(aborted.at - at < 1_000);
  const job = await app.ask<{ state: string; reason: string }>('get', [id]);
  assert.deepEqual([job.state, job.reason], ['cancelled', 'not wanted any more']);
  assert.equal(await app.ask('cancel', [id]), false);
});

anyStoreTest(
  'a job that does not hear that its time is over has lost its lease, and another attempt is made',
  async () => {
    const id = await app.add({ number: 7, ms: 1_300, how: 'deaf' });
    const job = await app.end(id);
    assert.deepEqual([job.state, job.attempts], ['failed', 3]);
    assert.match(job.reason ?? '', /^CALL_TIMED_OUT: /);
    await app.untilRan('what it says later is refused', (ran) =>
      ran.find((one) => one.id === id && one.what === 'LEASE_LOST'),
    );
    assert.equal(job.progress, undefined);
  },
);

anyStoreTest(
  'a stopped worker finishes what it can; the rest is given back, and no attempt is lost',
  async () => {
    const long = await app.add({ number: 8, ms: 3_600 }, {}, { queue: 'hardy' });
    const first = await app.begun(long);
    const status = await app.status();
    const slot = ['worker#1', 'worker#2'].find((one) => pidOf(status, one) === first.pid) ?? '';
    const short = await app.add({ number: 9, ms: 700 }, {}, { queue: 'hardy' });
    await app.begun(short);
    await app.admin.post('/restart', { target: slot }, { timeoutMs: 30_000 });
    const second = await app.untilRan('it is begun elsewhere', (ran) =>
      ran.find((one) => one.id === long && one.what === 'begun' && one.pid !== first.pid),
    );
    assert.equal(second.attempt, 1);
    const [job, other] = await Promise.all([app.end(long, 'hardy'), app.end(short, 'hardy')]);
    assert.deepEqual([job.state, job.attempts], ['done', 1]);
    assert.deepEqual([other.state, other.attempts], ['done', 1]);
    assert.equal(runsOf(short, 'begun'), 1);
  },
);

test('with no worker there a job is taken, and done when one is back', async () => {
  await app.admin.post('/stop', { target: 'worker' }, { timeoutMs: 30_000 });
  const id = await app.add({ number: 10 });
  assert.equal((await app.counts()).waiting, 1);
  await app.admin.post('/start', { target: 'worker' });
  assert.equal((await app.end(id)).state, 'done');
});

// Of an engine that others use too nothing is killed: this one has its own.
const [engine] = /^(?:redis|postgres)/.exec(process.env['TUTTI_TEST_STORE'] ?? '') ?? [];
if (engine === 'redis' || engine === 'postgres')
  test(`${engine} is killed under load, twice: workers go on by themselves, nothing acknowledged is lost, nothing is begun again`, async (context) => {
    using own = makeHome();
    await using server = await startEngine[engine]();
    await using works = new Works(own.folder, { WORKERS: '2', TUTTI_TEST_STORE: server.url });
    await restartUnder(server, works, context);
  });
