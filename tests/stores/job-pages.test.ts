/** Lists of jobs that are read on behind a job, by whoever could not keep the place of the page before. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ListInput, ListOutput } from '../../src/stores/job-queue/job-lists.ts';
import { jobsArea } from '../../src/stores/job-queue/jobs-area.ts';
import type { NewJob } from '../../src/stores/job-queue/job-adding.ts';
import type { TurnOutput } from '../../src/stores/job-queue/job-turns.ts';
import type { Store } from '../../src/stores/sqlite/store.ts';
import { StoreFolder } from './store-folder.ts';

const [area, queue] = ['jobs', 'mail'];

function add(store: Store, more: readonly Partial<NewJob>[]): Promise<unknown> {
  const jobs = more.map((one) => ({ id: null, priority: 5, body: '{}', ...one }));
  return store.mutate({ area, name: 'add', input: { queue, jobs } });
}

function idsBehind(store: Store, afterId: string | undefined, more: Partial<ListInput> = {}): string[] {
  const input: ListInput = { queue, state: 'pending', afterId, limit: 2, ...more };
  return (store.query({ area, name: 'list', input }) as ListOutput).jobs.map(({ id }) => id);
}

test('a list goes on behind a job, from those that wait for room to those that wait for their time', async () => {
  using folder = new StoreFolder();
  await using store = folder.open([jobsArea]);
  const later = [{ delayMs: 2_000 }, { delayMs: 1_000 }];
  await add(store, [...later, { priority: 1 }, { priority: 9 }, {}]);
  assert.deepEqual(idsBehind(store, undefined), ['4', '5']);
  assert.deepEqual(idsBehind(store, '5'), ['3', '2']);
  assert.deepEqual(idsBehind(store, '2'), ['1']);
  assert.deepEqual(idsBehind(store, '1'), []);
});

test('what was begun or has ended meanwhile keeps its place for who reads on', async () => {
  using folder = new StoreFolder();
  await using store = folder.open([jobsArea]);
  await add(store, [{}, {}, {}, {}]);
  const claim = { area, name: 'turn', input: { queue, ends: [], claim: { limit: 2 } } };
  const { jobs } = (await store.mutate(claim)) as TurnOutput;
  assert.deepEqual(idsBehind(store, '2'), ['3', '4']);
  const ends = jobs.map(({ seq, run }) => ({ seq, run, end: 'done', result: '1' }));
  await store.mutate({ area, name: 'turn', input: { queue, ends } });
  assert.deepEqual(idsBehind(store, '2'), ['3', '4']);
  assert.deepEqual(idsBehind(store, '2', { state: 'done' }), ['1']);
  assert.deepEqual(idsBehind(store, '3', { state: undefined }), ['2', '1']);
});

test('behind a job that is not in the list, or not there, there is no page', async () => {
  using folder = new StoreFolder();
  await using store = folder.open([jobsArea]);
  await add(store, [{}]);
  assert.throws(() => idsBehind(store, '1', { state: 'done' }), { code: 'INVALID_INPUT' });
  assert.throws(() => idsBehind(store, '7'), { code: 'NOT_FOUND' });
});
