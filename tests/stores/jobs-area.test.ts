/** What becomes of jobs in the store, change by change: each claim, end and wish is decided in the transaction that makes it. */
import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { writeKept } from '../../src/mesh/kept-event.ts';
import type { ListInput, ListOutput } from '../../src/stores/job-queue/job-lists.ts';
import type { JobRow } from '../../src/stores/job-queue/job-table.ts';
import { states } from '../../src/stores/job-queue/job-table.ts';
import type { AddOutput, NewJob } from '../../src/stores/job-queue/job-adding.ts';
import type { ClaimedJob, ClaimInput, TurnOutput } from '../../src/stores/job-queue/job-turns.ts';
import type { Changed } from '../../src/stores/job-queue/job-wishes.ts';
import { jobsArea } from '../../src/stores/job-queue/jobs-area.ts';
import type { Store } from '../../src/stores/sqlite/store.ts';
import { Chance } from '../fuzz/chance.ts';
import { ledgerArea } from './ledger-area.ts';
import { setBound, StoreFolder } from './store-folder.ts';

const area = 'jobs';
const queue = 'work';

/** A store on a clock that the test moves. */
class Jobs implements AsyncDisposable {
  readonly folder = new StoreFolder();
  store: Store = this.folder.open([jobsArea, ledgerArea]);

  change<T>(name: string, input: object): Promise<T> {
    return this.store.mutate({ area, name, input: { queue, ...input } }) as Promise<T>;
  }

  // eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- as above
  ask<T>(name: string, input: object = {}): T {
    return this.store.query({ area, name, input: { queue, ...input } }) as T;
  }

  add(...jobs: Partial<NewJob>[]): Promise<AddOutput[]> {
    const full = jobs.map((job) => ({ id: null, priority: 5, body: writeKept(1, undefined), ...job }));
    return this.change('add', { jobs: full });
  }

  async claim(limit = 100, more: Partial<ClaimInput> = {}): Promise<readonly ClaimedJob[]> {
    return (await this.turn({ limit, ...more })).jobs;
  }

  turn(claim: ClaimInput): Promise<TurnOutput> {
    return this.change('turn', { ends: [], claim });
  }

  async end(run: ClaimedJob, how: object): Promise<boolean> {
    // With the row, as the owner of the store tells it, or without, as an instance that stops does.
    const row = run.seq % 2 === 0 ? run : undefined;
    const ends = [{ seq: run.seq, run: run.run, ...(row && { row }), ...how }];
    return (await this.change<TurnOutput>('turn', { ends })).counts[0] === true;
  }

  done(run: ClaimedJob): Promise<boolean> {
    return this.end(run, { end: 'done', result: '{"ok":true}' });
  }

  job(id: string): JobRow | undefined {
    return this.ask<JobRow | undefined>('get', { id });
  }

  state(id: string): string | undefined {
    const row = this.job(id);
    return Object.entries(states).find(([, state]) => state === row?.state)?.[0];
  }

  list(more: Partial<ListInput> = {}): ListOutput {
    return this.ask('list', { limit: 100, ...more });
  }

  async sweep(): Promise<void> {
    this.folder.clock.advance(5_000);
    // The tidying is in the next commit.
    for (let turn = 0; turn < 5; turn += 1) await new Promise(setImmediate);
  }

  async reopen(): Promise<void> {
    await this.store.close();
    this.store = this.folder.open([jobsArea, ledgerArea]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.store.close();
    this.folder[Symbol.dispose]();
  }
}

const ids = (jobs: readonly { id: string }[]): string[] => jobs.map(({ id }) => id);

test('a number is never given twice: not after a removal, not after the store was opened again', async () => {
  await using jobs = new Jobs();
  assert.deepEqual(await jobs.add({}, {}), [
    { id: '1', added: true },
    { id: '2', added: true },
  ]);
  assert.notEqual(await jobs.change<Changed>('remove', { id: '2' }), null);
  await jobs.reopen();
  assert.deepEqual(await jobs.add({}), [{ id: '3', added: true }]);
});

test('of two with one name the second is told of the first, in whatever state that is', async () => {
  await using jobs = new Jobs();
  const again = async (state: string): Promise<void> => {
    assert.deepEqual(await jobs.add({ id: 'a' }), [{ id: 'a', added: false }]);
    assert.equal(jobs.state('a'), state);
  };
  await jobs.add({ id: 'a' });
  await again('waiting');
  const [first] = await jobs.claim();
  assert.ok(first);
  await again('running');
  await jobs.end(first, { end: 'again', afterMs: 100, reason: 'no' });
  await again('delayed');
  jobs.folder.clock.advance(100);
  const [second] = await jobs.claim();
  assert.ok(second);
  await jobs.done(second);
  await again('done');
  await jobs.change('remove', { id: 'a' });
  assert.deepEqual(await jobs.add({ id: 'a' }), [{ id: 'a', added: true }]);
});

test('of fifty that are deduplicated at once one is added, and all hear which', async () => {
  await using jobs = new Jobs();
  const answers = await Promise.all(Array.from({ length: 50 }, () => jobs.add({ dedup: { id: 'd' } })));
  assert.equal(answers.flat().filter(({ added }) => added).length, 1);
  assert.deepEqual(new Set(ids(answers.flat())), new Set(['1']));
});

test('deduplication ends with the job, or with its time', async () => {
  await using jobs = new Jobs();
  await jobs.add({ dedup: { id: 'open' } }, { dedup: { id: 'timed', ttlMs: 1_000 } });
  for (const run of await jobs.claim()) await jobs.done(run);
  assert.deepEqual(await jobs.add({ dedup: { id: 'open' } }, { dedup: { id: 'timed', ttlMs: 1_000 } }), [
    { id: '3', added: true },
    { id: '2', added: false },
  ]);
  jobs.folder.clock.advance(1_000);
  assert.deepEqual(await jobs.add({ dedup: { id: 'timed' } }), [{ id: '4', added: true }]);
});

test('the urgent come first, then the oldest; the last in is first out where it says so', async () => {
  await using jobs = new Jobs();
  await jobs.add({}, { priority: 9 }, {}, { lifo: true }, { priority: 0 }, { lifo: true });
  assert.deepEqual(ids(await jobs.claim(4)), ['2', '6', '4', '1']);
  assert.deepEqual(ids(await jobs.claim(4)), ['3', '5']);
  assert.deepEqual(await jobs.claim(4), []);
});

test('what has a time is not begun before it, and who claims hears when that is', async () => {
  await using jobs = new Jobs();
  const { clock } = jobs.folder;
  await jobs.add({ delayMs: 500 }, { runAt: jobs.store.now() + 300 }, { runAt: 1 });
  assert.deepEqual(ids(await jobs.claim()), ['3']);
  const claim = (): Promise<TurnOutput> => jobs.turn({ limit: 100 });
  assert.deepEqual(await claim(), { counts: [], damaged: [], jobs: [], moreInMs: 300 });
  clock.advance(299);
  assert.deepEqual(await claim(), { counts: [], damaged: [], jobs: [], moreInMs: 1 });
  clock.advance(1);
  const [run] = (await claim()).jobs;
  assert.deepEqual([run?.id, run && run.started - run.due], ['2', 0]);
  clock.advance(200);
  assert.deepEqual(ids(await jobs.claim()), ['1']);
});

test('only the run that has the job may end it, and an end is final', async () => {
  await using jobs = new Jobs();
  await jobs.add({});
  const [first] = await jobs.claim();
  assert.ok(first);
  assert.equal(await jobs.end(first, { end: 'again', afterMs: 0, reason: 'lost' }), true);
  const [second] = await jobs.claim();
  assert.ok(second);
  assert.deepEqual([first.attempts, second.attempts], [1, 2]);
  assert.equal(await jobs.done(first), false, 'a zombie');
  for (const name of ['progress', 'log'])
    await assert.rejects(jobs.change(name, { seq: first.seq, run: first.run, value: '1', text: 'x' }), {
      code: 'LEASE_LOST',
    });
  assert.equal(jobs.state('1'), 'running');
  assert.equal(await jobs.end(second, { end: 'failed', reason: 'why' }), true);
  assert.equal(await jobs.done(second), false);
  assert.deepEqual([jobs.state('1'), jobs.job('1')?.reason], ['failed', 'why']);
});

test('a job that is tried anew has another run than ever before: nothing that comes late is taken for it', async () => {
  await using jobs = new Jobs();
  await jobs.add({});
  const [first] = await jobs.claim();
  assert.ok(first);
  await jobs.change('cancel', { id: '1', reason: 'x' });
  await jobs.change('retry', { id: '1' });
  const [second] = await jobs.claim();
  assert.deepEqual([second?.attempts, second?.run], [1, 2]);
  assert.equal(await jobs.done(first), false);
  assert.equal(jobs.state('1'), 'running');
});

test('what did not run has used up no attempt, and keeps its place and the reason of the one before', async () => {
  await using jobs = new Jobs();
  await jobs.add({}, {});
  const [first] = await jobs.claim(1);
  assert.ok(first);
  await jobs.end(first, { end: 'again', afterMs: 0, reason: 'broken' });
  const [second] = await jobs.claim(1);
  assert.ok(second);
  assert.deepEqual([second.id, second.attempts], ['1', 2]);
  assert.equal(await jobs.end(second, { end: 'back', afterMs: 0 }), true);
  const [third] = await jobs.claim(1);
  assert.deepEqual([third?.id, third?.attempts], ['1', 2]);
  assert.equal(jobs.job('1')?.reason, 'broken');
});

test('a job can be cancelled until it has ended, tried once more when it failed or was cancelled, and removed when it does not run', async () => {
  await using jobs = new Jobs();
  await jobs.add({}, { delayMs: 1_000 }, {});
  const cancel = (id: string): Promise<Changed> => jobs.change('cancel', { id, reason: 'enough' });
  const [run] = await jobs.claim(1);
  assert.ok(run);
  assert.equal(await jobs.change('remove', { id: '1' }), null, 'it runs');
  assert.equal(await jobs.change('retry', { id: '1' }), null);
  assert.deepEqual(await cancel('1'), { seq: 1, wasRunning: true });
  assert.deepEqual(await cancel('2'), { seq: 2, wasRunning: false });
  assert.equal(await cancel('2'), null);
  assert.equal(await jobs.done(run), false, 'its end comes too late');
  assert.deepEqual([jobs.state('1'), jobs.job('1')?.reason], ['cancelled', 'enough']);
  assert.notEqual(await jobs.change('retry', { id: '1' }), null);
  assert.deepEqual([jobs.state('1'), jobs.job('1')?.attempts, jobs.job('1')?.reason], ['waiting', 0, null]);
  await assert.rejects(cancel('99'), { code: 'NOT_FOUND', message: 'Job 99 of work not found' });
});

test('a promoted one waits no longer; a paused queue begins none', async () => {
  await using jobs = new Jobs();
  await jobs.add({ delayMs: 60_000 });
  await jobs.change('pause', { isPaused: true });
  assert.notEqual(await jobs.change('promote', { id: '1' }), null);
  assert.equal(await jobs.change('promote', { id: '1' }), null);
  assert.deepEqual(await jobs.claim(), []);
  await jobs.reopen();
  assert.deepEqual(await jobs.claim(), [], 'also after the store was opened again');
  await jobs.change('pause', { isPaused: false });
  assert.deepEqual(ids(await jobs.claim()), ['1']);
});

test('no more are begun in a window than the rate allows, and a new owner goes on in it', async () => {
  await using jobs = new Jobs();
  const rate = { max: 3, perMs: 1_000 };
  await jobs.add(...Array.from({ length: 10 }, () => ({})));
  const claim = (): Promise<TurnOutput> => jobs.turn({ limit: 2, rate });
  assert.equal((await claim()).jobs.length, 2);
  jobs.folder.clock.advance(400);
  const second = await claim();
  assert.deepEqual([ids(second.jobs), second.moreInMs], [['3'], 600]);
  await jobs.reopen();
  assert.deepEqual((await claim()).jobs, []);
  jobs.folder.clock.advance(600);
  assert.deepEqual(ids((await claim()).jobs), ['4', '5']);
});

test('a drained queue has nothing pending; what ended is cleaned by state and age; what failed is tried once more', async () => {
  await using jobs = new Jobs();
  await jobs.add(...Array.from({ length: 4 }, () => ({})));
  const [one, two] = await jobs.claim(2);
  assert.ok(one && two);
  await jobs.done(one);
  await jobs.end(two, { end: 'failed', reason: 'why' });
  await jobs.add({ delayMs: 100 });
  assert.deepEqual(await jobs.change('drain', {}), ['3', '4', '5']);
  jobs.folder.clock.advance(100);
  assert.equal(await jobs.change('clean', { state: 'done', olderThanMs: 101 }), 0);
  assert.equal(await jobs.change('clean', { state: 'done', olderThanMs: 100 }), 1);
  assert.equal(await jobs.change('redrive', {}), 1);
  assert.deepEqual(ids(jobs.list().jobs), ['2']);
  assert.equal(jobs.state('2'), 'waiting');
});

test('the log of a job keeps its last lines, in order, and goes with it', async (context) => {
  setBound(context, 'jobLogLines', 3);
  await using jobs = new Jobs();
  await jobs.add({});
  const [run] = await jobs.claim();
  assert.ok(run);
  for (let line = 1; line <= 5; line += 1)
    await jobs.change('log', { seq: run.seq, run: 1, text: `line ${String(line)}` });
  await jobs.change('progress', { seq: run.seq, run: 1, value: '{"at":5}' });
  const lines = jobs.ask<{ number: number; text: string }[]>('logs', { id: '1' });
  assert.deepEqual(
    lines.map(({ number, text }) => `${String(number)} ${text}`),
    ['3 line 3', '4 line 4', '5 line 5'],
  );
  assert.equal(jobs.job('1')?.progress, '{"at":5}');
  await jobs.done(run);
  await jobs.change('remove', { id: '1' });
  assert.equal((await jobs.store.verify()).rows, 4, 'the head of the store and three counts');
});

const keep = (count: number, ageMs: number): string =>
  JSON.stringify({ done: { count, ageMs }, failed: { count: 100, ageMs: 1_000_000 } });

test('what has ended goes by number and by age, but not while it keeps others from being added', async () => {
  await using jobs = new Jobs();
  await jobs.change('keep', { keep: keep(2, 60_000) });
  await jobs.add({ dedup: { id: 'd', ttlMs: 600_000 } }, {}, {}, {}, {});
  const runs = await jobs.claim();
  for (const run of runs.slice(0, 4)) await jobs.done(run);
  await jobs.end(runs[4] as ClaimedJob, { end: 'failed', reason: '' });
  await jobs.sweep();
  assert.deepEqual(ids(jobs.list({ state: 'done' }).jobs), ['4', '1']);
  jobs.folder.clock.advance(60_000);
  await jobs.sweep();
  assert.deepEqual(ids(jobs.list().jobs), ['5', '1'], 'the failed one has its own time');
});

test('with no bound said, everything stays', async () => {
  await using jobs = new Jobs();
  await jobs.add({});
  for (const run of await jobs.claim()) await jobs.done(run);
  jobs.folder.clock.advance(1_000_000_000);
  await jobs.sweep();
  assert.equal(jobs.state('1'), 'done');
});

test('pages hang together while others are added, in each list', async () => {
  await using jobs = new Jobs();
  await jobs.add(...Array.from({ length: 6 }, (_none, index) => ({ priority: index % 3 })));
  await jobs.add({ delayMs: 100 }, { delayMs: 50 });
  const read = async (state: ListInput['state']): Promise<string[]> => {
    const seen: string[] = [];
    for (
      let page = jobs.list({ state, limit: 2 });
      ;
      page = jobs.list({ state, after: page.next, limit: 2 })
    ) {
      seen.push(...ids(page.jobs));
      if (page.next === undefined) return seen;
      // Ahead of all that are still to be read, and behind none.
      await jobs.add({ priority: 9 });
    }
  };
  assert.deepEqual(await read('pending'), ['3', '6', '2', '5', '1', '4', '8', '7']);
  const newest = (await read(undefined)).slice(-8);
  assert.deepEqual(newest, ['8', '7', '6', '5', '4', '3', '2', '1']);
});

test('a page that follows no page of its list is refused', async () => {
  await using jobs = new Jobs();
  for (const after of ['', '1', 'done:1', 'waiting:1', 'running:1', "waiting:1,1,1' OR 1", 'waiting:x'])
    assert.throws(() => jobs.list({ state: 'waiting', after }), { code: 'INVALID_INPUT' });
});

test('a queue that has as many open ones as it may have takes no more', async (context) => {
  setBound(context, 'openJobs', 2);
  await using jobs = new Jobs();
  await jobs.add({}, {});
  await assert.rejects(jobs.add({}), { code: 'OVERLOADED' });
  for (const run of await jobs.claim()) await jobs.done(run);
  assert.deepEqual(await jobs.add({}), [{ id: '3', added: true }]);
});

test('what is cut within a character, or holds half of one, is no damage', async (context) => {
  setBound(context, 'jobError', 3);
  setBound(context, 'jobLogChars', 3);
  await using jobs = new Jobs();
  await jobs.add({}, {}, {});
  const [first, second] = await jobs.claim();
  assert.ok(first && second);
  await jobs.change('log', { seq: 1, run: 1, text: 'ab😀' });
  await jobs.end(first, { end: 'failed', reason: 'ab😀' });
  await jobs.end(second, { end: 'again', afterMs: 0, reason: '\ud800\0x' });
  await jobs.change('cancel', { id: '3', reason: 'ab😀' });
  assert.deepEqual(
    ['1', '2', '3'].map((id) => jobs.job(id)?.reason),
    ['ab\ufffd', '\ufffd\0x', 'ab\ufffd'],
  );
  assert.equal(jobs.ask<{ text: string }[]>('logs', { id: '1' })[0]?.text, 'ab\ufffd');
  assert.equal((await jobs.store.verify()).isSound, true);
});

test('a damaged row holds up no other: it has failed, and whoever looks at it is told', async () => {
  await using jobs = new Jobs();
  await jobs.add({}, {}, { delayMs: 100 }, {});
  const runs = await jobs.claim(1);
  await jobs.store.close();
  const database = new DatabaseSync(jobs.folder.store);
  database.exec("UPDATE job_records SET body = 'x' WHERE seq < 4");
  database.close();
  await jobs.reopen();
  assert.deepEqual(jobs.ask('running'), []);
  jobs.folder.clock.advance(100);
  const ends = [{ seq: 1, run: 1, end: 'done', result: '1' }];
  const turned = await jobs.change<TurnOutput>('turn', { ends, claim: { limit: 10 } });
  assert.deepEqual(
    [runs.length, turned.counts, ids(turned.jobs), turned.damaged],
    [1, [false], ['4'], [3, 2]],
  );
  assert.equal(jobs.ask<Record<string, number>>('counts')['failed'], 2);
  assert.throws(() => jobs.job('2'), { code: 'STORE_CORRUPT', message: /row \[2\] of job_records/ });
});

test('counts are what a look at every job gives, whatever was done in however few commits', async () => {
  const chance = new Chance(20_261_128);
  await using jobs = new Jobs();
  const runs: ClaimedJob[] = [];
  const any = (): string => String(1 + chance.below(60));
  const ended = (how: object): (() => Promise<unknown>) => {
    return () => Promise.all(runs.splice(0, 1).map((run) => jobs.end(run, how)));
  };
  const deeds: readonly (() => Promise<unknown>)[] = [
    () => jobs.add({}, { delayMs: 10 }, { id: `n${any()}` }),
    async () => runs.push(...(await jobs.claim(3))),
    () => Promise.all(runs.splice(0, 2).map((run) => jobs.done(run))),
    ended({ end: 'again', afterMs: 5, reason: 'x' }),
    ended({ end: 'failed', reason: 'x' }),
    ended({ end: 'back', afterMs: 5 }),
    () => jobs.change('cancel', { id: any(), reason: 'x' }).catch(() => undefined),
    () => jobs.change('retry', { id: any() }).catch(() => undefined),
    () => jobs.change('remove', { id: any() }).catch(() => undefined),
    () => jobs.change('promote', { id: any() }).catch(() => undefined),
    // Throws when it has written: all beside it are made once more.
    () =>
      jobs.store
        .mutate({ area: 'ledger', name: 'break', input: { number: 1, text: '' } })
        .catch(() => undefined),
  ];
  for (let step = 0; step < 400; step += 1) {
    const some = Array.from({ length: 1 + chance.below(4) }, () => chance.below(deeds.length));
    await Promise.all(some.flatMap((which) => deeds[which]?.() ?? []));
    jobs.folder.clock.advance(1);
  }
  const counted = jobs.ask<Record<string, number>>('counts');
  const seen = { waiting: 0, delayed: 0, running: 0, done: 0, failed: 0, cancelled: 0 };
  for (let page = jobs.list(); ; page = jobs.list({ after: page.next })) {
    for (const { id } of page.jobs) seen[jobs.state(id) as keyof typeof seen] += 1;
    if (page.next === undefined) break;
  }
  assert.deepEqual(counted, seen);
  assert.ok(
    Object.values(seen).every((count) => count > 0),
    JSON.stringify(seen),
  );
  assert.equal((await jobs.store.verify()).isSound, true);
});

test('what a job told of its progress stays, and an end is final, also for who has its row as it was', async () => {
  await using jobs = new Jobs();
  await jobs.add({}, {}, {}, {});
  const runs = await jobs.claim();
  for (const { seq, run } of runs.slice(0, 2)) await jobs.change('progress', { seq, run, value: '40' });
  for (const run of runs) assert.equal(await jobs.done(run), true);
  assert.deepEqual(
    runs.map(({ id }) => [jobs.state(id), jobs.job(id)?.progress]),
    ['40', '40', null, null].map((progress) => ['done', progress]),
  );
  for (const run of runs) assert.equal(await jobs.end(run, { end: 'failed', reason: 'x' }), false);
  assert.equal((await jobs.store.verify()).isSound, true);
});

test('N-107 what jobs are deduplicated by goes with the jobs: ten times as many as are kept leave as many as are kept', async () => {
  await using jobs = new Jobs();
  const keep = JSON.stringify({ done: { ageMs: 3_600_000, count: 100 }, failed: { ageMs: 0, count: 0 } });
  await jobs.change('keep', { keep });
  for (let round = 0; round < 10; round += 1) {
    const many = Array.from({ length: 100 }, (_none, index) => ({
      dedup: { id: `${String(round)} ${String(index)}`, ttlMs: 1_000 },
    }));
    await jobs.add(...many);
    for (const run of await jobs.claim()) await jobs.done(run);
    await jobs.sweep();
  }
  await jobs.sweep();
  assert.equal(jobs.ask<{ done: number }>('counts').done, 100);
});
