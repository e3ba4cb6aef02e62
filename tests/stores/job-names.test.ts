/** How a job is found by who asks for it: by the name it was given, or by its number when it has none. */
import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { writeKept } from '../../src/mesh/kept-event.ts';
import type { AddOutput } from '../../src/stores/job-queue/job-adding.ts';
import { findJobById } from '../../src/stores/job-queue/job-table.ts';
import type { JobRow } from '../../src/stores/job-queue/job-table.ts';
import { jobsArea } from '../../src/stores/job-queue/jobs-area.ts';
import type { Store } from '../../src/stores/sqlite/store.ts';
import { StoreFolder } from './store-folder.ts';

const area = 'jobs';

function add(store: Store, queue: string, ...ids: (string | null)[]): Promise<AddOutput[]> {
  const jobs = ids.map((id) => ({ id, priority: 5, body: writeKept(1, undefined) }));
  return store.mutate({ area, name: 'add', input: { queue, jobs } }) as Promise<AddOutput[]>;
}

const seqOf = (store: Store, queue: string, id: string): number | undefined =>
  (store.query({ area, name: 'get', input: { queue, id } }) as JobRow | undefined)?.seq;

test('a job is found by its name, or by its number as it was told, in its own queue only', async () => {
  using folder = new StoreFolder();
  await using store = folder.open([jobsArea]);
  assert.deepEqual(
    (await add(store, 'work', null, 'first', '1x', null)).map(({ id }) => id),
    ['1', 'first', '1x', '4'],
  );
  await add(store, 'other', null, 'first');
  const asked = ['1', 'first', '1x', '4', '2', '5', '01', '1.0', '0', '9'.repeat(300), 'x'];
  assert.deepEqual(
    asked.map((id) => seqOf(store, 'work', id)),
    [1, 2, 3, 4, ...Array.from({ length: 7 }, () => undefined)],
  );
  assert.deepEqual(
    ['1', '5', 'first'].map((id) => seqOf(store, 'other', id)),
    [undefined, 5, 6],
  );
});

test('a store from before goes on: its jobs are found, and no name is given twice', async () => {
  using folder = new StoreFolder();
  const before = { ...jobsArea, migrations: jobsArea.migrations.slice(0, 2) };
  {
    await using store = folder.open([before]);
    await add(store, 'work', null, 'first');
  }
  await using store = folder.open([jobsArea]);
  assert.deepEqual([seqOf(store, 'work', '1'), seqOf(store, 'work', 'first')], [1, 2]);
  assert.deepEqual(await add(store, 'work', 'first', 'second', null), [
    { id: 'first', added: false },
    { id: 'second', added: true },
    { id: '4', added: true },
  ]);
  assert.equal((await store.verify()).isSound, true);
});

test('among any number of jobs one is found without a search', async () => {
  using folder = new StoreFolder();
  await folder.open([jobsArea]).close();
  using database = new DatabaseSync(folder.store);
  const plans: string[] = [];
  const reader = {
    get: () => undefined,
    all: (sql: string, ...values: (string | number)[]) => {
      const steps = database.prepare(`EXPLAIN QUERY PLAN ${sql}`).all(...values);
      plans.push(steps.map(({ detail }) => String(detail)).join('; '));
      return [];
    },
  };
  for (const id of ['17', 'first']) findJobById(reader, 'work', id);
  assert.deepEqual(plans, [
    'SEARCH job_records USING INTEGER PRIMARY KEY (rowid=?)',
    'SEARCH job_records USING INDEX job_records_by_name (queue=? AND id=?)',
  ]);
});
