/** What becomes of jobs, as those hear it who follow their queue: change by change, in a store on a clock that the test moves. */
import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { bounds } from '../../../src/core/bounds.ts';
import type { JobEventNote, JobEventType } from '../../../src/core/job-events.ts';
import { writeKept } from '../../../src/mesh/kept-event.ts';
import type { NewJob } from '../../../src/stores/job-queue/job-adding.ts';
import type { ClaimedJob, TurnOutput } from '../../../src/stores/job-queue/job-turns.ts';
import type { ListOutput } from '../../../src/stores/job-queue/job-lists.ts';
import { states } from '../../../src/stores/job-queue/job-table.ts';
import { jobsArea } from '../../../src/stores/job-queue/jobs-area.ts';
import type { Watcher } from '../../../src/stores/sqlite/area.ts';
import type { Store } from '../../../src/stores/sqlite/store.ts';
import { Chance, times } from '../../fuzz/chance.ts';
import { StoreFolder, turns } from '../store-folder.ts';

class Followed implements Watcher, AsyncDisposable {
  readonly folder = new StoreFolder();
  store: Store = this.folder.open([jobsArea]);
  notes: JobEventNote[] = [];

  static async open(): Promise<Followed> {
    const followed = new Followed();
    await followed.store.watch(followed);
    return followed;
  }

  wants(queue: string): boolean {
    return queue === 'work';
  }

  hear(changes: readonly unknown[]): void {
    this.notes.push(...(changes as JobEventNote[]));
  }

  change<T>(name: string, input: object = {}): Promise<T> {
    return this.store.mutate({ area: 'jobs', name, input: { queue: 'work', ...input } }) as Promise<T>;
  }

  add(...jobs: Partial<NewJob>[]): Promise<unknown> {
    const full = jobs.map((job) => ({ id: null, priority: 5, body: writeKept(1, undefined), ...job }));
    return this.change('add', { jobs: full });
  }

  async claim(limit = 10): Promise<readonly ClaimedJob[]> {
    return (await this.change<TurnOutput>('turn', { ends: [], claim: { limit } })).jobs;
  }

  async end(run: ClaimedJob | undefined, how: object): Promise<void> {
    assert.ok(run);
    await this.change('turn', { ends: [{ seq: run.seq, run: run.run, ...how }] });
  }

  /** Since it was asked last: `begun 1 x1`, with how often it was begun, and why. */
  told(): string[] {
    const told = this.notes.map(({ type, id, attempts, reason, progress }) =>
      [`${type} ${id} x${String(attempts)}`, reason, progress].filter((part) => part !== undefined).join(' '),
    );
    this.notes = [];
    return told;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.store.close();
    this.folder[Symbol.dispose]();
  }
}

test('a job is told from when it was added to its end, each attempt with why it failed', async () => {
  await using jobs = await Followed.open();
  await jobs.add({});
  const [first] = await jobs.claim();
  await jobs.change('progress', { seq: first?.seq, run: first?.run, value: '{"percent":40}' });
  await jobs.end(first, { end: 'again', afterMs: 100, reason: 'Error: no\n    at file:1' });
  const [told, more] = [jobs.notes.at(-1), jobs.notes.at(0)];
  assert.deepEqual([told?.isBug, told?.at, more?.isBug], [true, jobs.store.now(), undefined]);
  jobs.folder.clock.advance(100);
  const [second] = await jobs.claim();
  await jobs.end(second, { end: 'back', afterMs: 0 });
  const [third] = await jobs.claim();
  await jobs.end(third, { end: 'done', result: '1' });
  assert.deepEqual(jobs.told(), [
    'added 1 x0',
    'begun 1 x1',
    'progress 1 x1 {"percent":40}',
    'again 1 x1 Error: no',
    'begun 1 x2',
    'again 1 x1',
    'begun 1 x2',
    'done 1 x2',
  ]);
});

test('what failed or was cancelled is told with why, and that it is to be begun once more', async () => {
  await using jobs = await Followed.open();
  await jobs.add({}, {});
  const [first] = await jobs.claim(1);
  await jobs.end(first, { end: 'failed', reason: 'no' });
  await jobs.change('cancel', { id: '2', reason: 'enough' });
  await jobs.change('retry', { id: '2' });
  await jobs.change('redrive');
  assert.deepEqual(jobs.told().slice(3), [
    'failed 1 x1 no',
    'cancelled 2 x0 enough',
    'again 2 x0',
    'again 1 x0',
  ]);
});

test('of many at once each is told: added together, by a schedule, drained and cleaned', async () => {
  await using jobs = await Followed.open();
  await jobs.add({ id: 'a' }, { id: 'b', delayMs: 1_000 }, { id: 'a' });
  assert.deepEqual(jobs.told(), ['added a x0', 'added b x0']);
  await jobs.change('drain');
  assert.deepEqual(jobs.told(), ['removed a x0', 'removed b x0']);
  await jobs.add({ id: 'c' }, { id: 'd' });
  for (const run of await jobs.claim()) await jobs.end(run, { end: 'done', result: '1' });
  jobs.told();
  assert.equal(await jobs.change('clean', { state: 'done', olderThanMs: 0 }), 2);
  assert.deepEqual(jobs.told().toSorted(), ['removed c x1', 'removed d x1']);
  await jobs.change('schedule', {
    ...{ name: 'beat', cron: null, every_ms: 1_000, time_zone: null, missed: 'once', overlap: 'allow' },
    body: '{"payload":1,"context":{}}',
  });
  jobs.folder.clock.advance(1_000);
  await jobs.change('tick');
  assert.match(jobs.told().join(), /^added beat:[^,]*$/);
  await jobs.add({ id: 'e' });
  await jobs.change('remove', { id: 'e' });
  assert.deepEqual(jobs.told(), ['added e x0', 'removed e x0']);
});

test('that its time has come is no event of a job, and other queues are not told', async () => {
  await using jobs = await Followed.open();
  await jobs.add({ delayMs: 100 }, { delayMs: 1_000 });
  await jobs.change('add', { queue: 'other', jobs: [{ id: 'o', priority: 5, body: '{}' }] });
  await jobs.change('promote', { id: '2' });
  jobs.folder.clock.advance(100);
  await jobs.change('turn', { ends: [], claim: { limit: 0 } });
  assert.deepEqual(jobs.told(), ['added 1 x0', 'added 2 x0']);
  assert.equal((await jobs.claim()).length, 2);
});

test('what is forgotten because there are too many is not told', async () => {
  await using jobs = await Followed.open();
  const none = { ageMs: 0, count: 0 };
  await jobs.change('keep', { keep: JSON.stringify({ done: none, failed: none }) });
  await jobs.add({});
  await jobs.end((await jobs.claim())[0], { end: 'done', result: '1' });
  jobs.folder.clock.advance(bounds.storeTidyMs);
  await turns(3);
  assert.equal(jobs.store.query({ area: 'jobs', name: 'get', input: { queue: 'work', id: '1' } }), undefined);
  assert.deepEqual(jobs.told(), ['added 1 x0', 'begun 1 x1', 'done 1 x1']);
});

test('a job whose row is damaged is told to have failed', async () => {
  await using jobs = await Followed.open();
  await jobs.add({}, {});
  await jobs.store.close();
  const database = new DatabaseSync(jobs.folder.store);
  database.exec("UPDATE job_records SET body = 'x' WHERE seq = 1");
  database.close();
  jobs.store = jobs.folder.open([jobsArea]);
  await jobs.store.watch(jobs);
  await jobs.claim();
  assert.deepEqual(jobs.told().slice(2), ['failed 1 x0 Its row in the store is damaged', 'begun 2 x1']);
});

/** What a reader knows of a job who knows nothing but its last event. */
const stateAfter: Readonly<Record<Exclude<JobEventType, 'progress' | 'removed'>, number>> = {
  ...{ added: states.waiting, again: states.waiting, begun: states.running },
  ...{ done: states.done, failed: states.failed, cancelled: states.cancelled },
};

test('whoever knows nothing but what was told knows the state of every job', async (context) => {
  const chance = new Chance();
  context.diagnostic(`seed ${String(chance.seed)}`);
  await using jobs = await Followed.open();
  const runs: ClaimedJob[] = [];
  const aRun = (): ClaimedJob | undefined => runs.splice(chance.below(runs.length), 1)[0];
  const ends = [
    { end: 'done', result: '1' },
    { end: 'failed', reason: 'no' },
    { end: 'again', afterMs: 5, reason: 'no' },
    { end: 'back', afterMs: 0 },
  ] as const;
  const named = (): object => ({ id: String(1 + chance.below(60)), reason: 'enough' });
  const deeds = [
    () => jobs.add({}, { delayMs: 10 }, { id: `n${String(chance.below(60))}` }),
    async () => runs.push(...(await jobs.claim(3))),
    async () => {
      const run = aRun();
      if (run !== undefined) await jobs.end(run, chance.pick<object>(ends));
    },
    ...['cancel', 'retry', 'promote', 'remove'].map((name) => () => jobs.change(name, named())),
    () => (chance.below(10) === 0 ? jobs.change('drain') : jobs.change('redrive')),
    () => jobs.change('clean', { state: chance.pick(['done', 'failed', 'cancelled']), olderThanMs: 20 }),
  ] as const;
  for (let count = times(400, 10_000); count > 0; count -= 1) {
    // Those of one turn are one commit; who wants something of a job that is not there hears so.
    await Promise.allSettled([chance.pick(deeds)(), chance.pick(deeds)()]);
    jobs.folder.clock.advance(1);
  }
  const known = new Map<string, number>();
  for (const { type, id } of jobs.notes)
    if (type === 'removed') known.delete(id);
    else if (type !== 'progress') known.set(id, stateAfter[type]);
  const stored = new Map<string, number>();
  for (let after: string | undefined, isLast = false; !isLast; isLast = after === undefined) {
    const input = { queue: 'work', limit: 250, after };
    const page = jobs.store.query({ area: 'jobs', name: 'list', input }) as ListOutput;
    for (const { id, state } of page.jobs) stored.set(id, state === states.delayed ? states.waiting : state);
    after = page.next;
  }
  assert.deepEqual([...known].toSorted(), [...stored].toSorted());
  assert.ok(stored.size > 0);
});
