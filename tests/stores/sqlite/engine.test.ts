import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { bounds } from '../../../src/core/bounds.ts';
import type { ErrorCode } from '../../../src/core/errors.ts';
import { isTuttiError } from '../../../src/core/errors.ts';
import type { Area } from '../../../src/stores/sqlite/area.ts';
import type { Store } from '../../../src/stores/sqlite/store.ts';
import { sqliteStateStore } from '../../../src/stores/state/sqlite-state-store.ts';
import { stateArea } from '../../../src/stores/state/state-area.ts';
import { ledgerArea } from '../ledger-area.ts';
import { StoreFolder, setBound, turns } from '../store-folder.ts';

const area = 'ledger';
const add = (store: Store, number: number, text = 'a text'): Promise<unknown> =>
  store.mutate({ area, name: 'add', input: { number, text } });
const numbers = (store: Store): unknown => store.query({ area, name: 'numbers' });
const refused = (promise: Promise<unknown>, code: ErrorCode): Promise<void> =>
  assert.rejects(promise, (error) => isTuttiError(error, code));

test('what arrives in one turn of the event loop is one commit, in the order in which it came', async () => {
  using folder = new StoreFolder();
  await using store = folder.open([ledgerArea]);
  const append = (number: number): Promise<unknown> =>
    store.mutate({ area, name: 'append', input: { number, text: '' } });
  const order: number[] = [];
  await Promise.all([30, 10, 20].map((number) => append(number).then((count) => order.push(Number(count)))));
  assert.deepEqual(order, [1, 2, 3]);
  assert.equal(store.stats().commits, 1);
  await append(40);
  await append(50);
  const { commits, mutations, mutationsPerCommit, waiting } = store.stats();
  assert.deepEqual([commits, mutations, mutationsPerCommit, waiting], [3, 5, 5 / 3, 0]);
});

test('no more than a thousand go into one commit', async () => {
  using folder = new StoreFolder();
  await using store = folder.open([ledgerArea]);
  await Promise.all(Array.from({ length: 2_500 }, (_none, number) => add(store, number)));
  assert.equal(store.stats().commits, 3);
});

test('no more than so many bytes go into one commit, and what is bigger goes alone', async () => {
  using folder = new StoreFolder();
  await using store = folder.open([ledgerArea]);
  const sizes = [1, bounds.storeCommitBytes + 1, bounds.storeCommitBytes / 2, bounds.storeCommitBytes / 4];
  await Promise.all(sizes.map((bytes, number) => add(store, number, 'x'.repeat(bytes))));
  assert.equal(store.stats().commits, 3);
});

test('one that throws undoes itself, and none of those beside it', async () => {
  using folder = new StoreFolder();
  await using store = folder.open([ledgerArea]);
  const entry = { number: 2, text: 'never' };
  const results = await Promise.allSettled([
    add(store, 1),
    store.mutate({ area, name: 'refuse', input: { entry, code: 'CONFLICT' } }),
    store.mutate({ area, name: 'break', input: entry }),
    store.mutate({ area, name: 'wait', input: entry }),
    add(store, 1),
    add(store, 3),
  ]);
  assert.deepEqual(
    results.map(({ status }) => status === 'fulfilled'),
    [true, false, false, false, false, true],
  );
  const reasons = results.map((result) =>
    result.status === 'rejected' ? (result.reason as Error).name : '',
  );
  assert.deepEqual(reasons, ['', 'TuttiError', 'TypeError', 'TypeError', 'Error', '']);
  assert.deepEqual(numbers(store), [1, 3]);
  assert.equal(store.stats().commits, 1);
});

test('a row that cannot be written is told to who inserted it, and not to who only looks behind it', async () => {
  using folder = new StoreFolder();
  await using store = folder.open([ledgerArea]);
  const look = store.mutate.bind(store, { area, name: 'look' });
  const results = await Promise.allSettled([
    add(store, 1),
    add(store, 2),
    add(store, 1),
    look(),
    add(store, 3),
  ]);
  assert.deepEqual(
    results.map((result): unknown => (result.status === 'fulfilled' ? result.value : result.status)),
    [1, 2, 'rejected', 2, 3],
  );
  assert.deepEqual(numbers(store), [1, 2, 3]);
});

test('a row that waits to be written goes with who inserted it', async () => {
  using folder = new StoreFolder();
  await using store = folder.open([ledgerArea]);
  const input = { number: 1, text: 'there is one' };
  const [first, broken, second] = [
    add(store, 1),
    store.mutate({ area, name: 'break', input }),
    add(store, 2),
  ];
  await assert.rejects(broken, { name: 'TypeError', message: 'a bug' });
  await Promise.all([first, second]);
  assert.deepEqual(numbers(store), [1, 2]);
});

test('rows that are written together are all there, however many there are', async () => {
  using folder = new StoreFolder();
  await using store = folder.open([ledgerArea]);
  let last = 0;
  for (const count of [1, 2, 31, 32, 33, 63, 64, 100]) {
    const added = Array.from({ length: count }, () => add(store, (last += 1)));
    await Promise.all(added);
    assert.equal((numbers(store) as number[]).length, last);
  }
  assert.equal(store.stats().commits, 8);
  assert.equal((await store.verify()).isSound, true);
});

test('a query sees what is committed, at once', async () => {
  using folder = new StoreFolder();
  await using store = folder.open([ledgerArea]);
  const added = add(store, 1);
  assert.deepEqual(numbers(store), []);
  await Promise.resolve();
  assert.deepEqual(numbers(store), []);
  await added;
  assert.deepEqual(numbers(store), [1]);
});

test('who changes nothing waits for no disk', async () => {
  using folder = new StoreFolder();
  await using store = folder.open([ledgerArea]);
  await add(store, 1);
  assert.equal(await store.mutate({ area, name: 'look' }), 1);
  assert.equal(store.stats().commits, 1);
});

test('what waits is bounded, in number and in bytes', async () => {
  using folder = new StoreFolder();
  await using store = folder.open([ledgerArea]);
  const many = Array.from({ length: bounds.storeWaiting }, () => store.mutate({ area, name: 'look' }));
  await refused(store.mutate({ area, name: 'look' }), 'OVERLOADED');
  assert.equal(store.stats().waiting, bounds.storeWaiting);
  await Promise.all(many);
  const text = 'x'.repeat(bounds.storeWaitingBytes / 4);
  const heavy = [1, 2, 3].map((number) => store.mutate({ area, name: 'look', input: { number, text } }));
  await refused(store.mutate({ area, name: 'look', input: { text } }), 'OVERLOADED');
  await Promise.all(heavy);
  await add(store, 5);
});

test('what is no area, no name or no JSON is refused, and nobody else is', async () => {
  using folder = new StoreFolder();
  await using store = folder.open([ledgerArea]);
  const wrong = [
    [area, 'constructor'],
    [area, '__proto__'],
    ['constructor', 'add'],
    ['ledger.add', ''],
    ['store', 'add'],
  ] as const;
  for (const [where, name] of wrong) {
    await refused(store.mutate({ area: where, name }), 'UNKNOWN_ACTION');
    assert.throws(
      () => store.query({ area: where, name }),
      (error) => isTuttiError(error, 'UNKNOWN_ACTION'),
    );
  }
  const cycle: unknown[] = [];
  cycle.push(cycle);
  await refused(store.mutate({ area, name: 'add', input: cycle }), 'INVALID_INPUT');
  await refused(store.mutate({ area, name: 'add', input: 1n }), 'INVALID_INPUT');
  await add(store, 1);
});

test('closing commits what was accepted, and then takes nothing more', async () => {
  using folder = new StoreFolder();
  const store = folder.open([ledgerArea]);
  const added = Promise.all(Array.from({ length: 1_500 }, (_none, number) => add(store, number)));
  await Promise.all([store.close(), store.close()]);
  await added;
  await refused(add(store, 2_000), 'STORE_CLOSED');
  assert.throws(
    () => numbers(store),
    (error) => isTuttiError(error, 'STORE_CLOSED'),
  );
  await refused(store.verify(), 'STORE_CLOSED');
  await refused(store.backup(folder.file('copy')), 'STORE_CLOSED');
  await store.close();
  await turns(2);
  await using again = folder.open([ledgerArea]);
  assert.equal((numbers(again) as number[]).length, 1_500);
  assert.equal(folder.clock.pending, 1);
});

test('when it has been idle the log is emptied', async () => {
  using folder = new StoreFolder();
  await using store = folder.open([ledgerArea]);
  await add(store, 1);
  assert.ok(store.stats().logBytes > 0);
  folder.clock.advance(bounds.storeTidyMs);
  assert.ok(store.stats().logBytes > 0, 'it was not idle');
  await turns(2);
  folder.clock.advance(bounds.storeTidyMs);
  assert.equal(store.stats().logBytes, 0);
  assert.deepEqual(numbers(store), [1]);
});

test('the log is bounded while work goes on', async () => {
  using folder = new StoreFolder();
  await using store = folder.open([ledgerArea]);
  const text = 'x'.repeat(100_000);
  let most = 0;
  for (let round = 0; round < 20; round += 1) {
    await Promise.all([1, 2, 3, 4, 5, 6, 7, 8, 9, 10].map((n) => add(store, round * 10 + n, text)));
    most = Math.max(most, store.stats().logBytes);
  }
  assert.ok(most > bounds.storeLogBytes / 2 && most < 2 * bounds.storeLogBytes, `${String(most)} bytes`);
});

test('a log that has outgrown its limit is emptied before the next commit', async (context) => {
  using folder = new StoreFolder();
  // Each is a commit of SQLite.
  setBound(context, 'storeRedoRecordBytes', 0);
  await using store = folder.open([ledgerArea]);
  await add(store, 1);
  const { logBytes } = store.stats();
  setBound(context, 'storeLogLimitBytes', 1);
  for (let number = 2; number < 10; number += 1) await add(store, number);
  assert.ok(store.stats().logBytes <= logBytes);
});

test('a log that cannot be emptied stops the mutations and not the reads, until it can be', async (context) => {
  using folder = new StoreFolder();
  // Each is a commit of SQLite.
  setBound(context, 'storeRedoRecordBytes', 0);
  await using store = folder.open([ledgerArea]);
  await add(store, 1);
  setBound(context, 'storeLogLimitBytes', 1);
  const original = Object.getOwnPropertyDescriptor(DatabaseSync.prototype, 'exec')?.value as (
    sql: string,
  ) => void;
  const { mock } = context.mock.method(
    DatabaseSync.prototype,
    'exec',
    function exec(this: DatabaseSync, sql: string) {
      if (sql.includes('wal_checkpoint')) throw Object.assign(new Error('disk full'), { errcode: 13 });
      original.call(this, sql);
    },
  );
  await refused(add(store, 2), 'STORE_FULL');
  assert.deepEqual(numbers(store), [1]);
  mock.restore();
  await add(store, 3);
});

test('what has expired is swept while nothing else happens, a few at a time; who cannot be swept holds up nobody', async () => {
  using folder = new StoreFolder();
  const rows = { first: 1_200, last: 3 };
  const sweptBy = (name: 'first' | 'last'): Area => ({
    ...ledgerArea,
    name,
    migrations: [],
    sweep: (_db, _now, mostRows) => {
      const removed = Math.min(rows[name], mostRows);
      rows[name] -= removed;
      return removed;
    },
  });
  const broken: Area = {
    ...ledgerArea,
    sweep: (db) => {
      db.run("INSERT INTO ledger_entries VALUES (7, 'never', 0)");
      throw new Error('damaged');
    },
  };
  await using store = folder.open([sweptBy('first'), broken, sweptBy('last')]);
  folder.clock.advance(bounds.storeTidyMs);
  const added = add(store, 1);
  await turns(1);
  assert.deepEqual(rows, { first: 1_200 - bounds.storeTidyRows, last: 0 });
  await turns(5);
  assert.deepEqual(rows, { first: 0, last: 0 });
  await added;
  assert.deepEqual(numbers(store), [1]);
  assert.ok(folder.said.includes('error What has expired cannot be removed'));
});

test('values of the state area that have expired are removed, and their room is given back', async () => {
  using folder = new StoreFolder();
  await using store = folder.open([stateArea]);
  const state = sqliteStateStore(store);
  const many = Array.from({ length: 1_100 }, (_none, index) =>
    state.put(`k${String(index)}`, index, { ttlMs: 1_000 }),
  );
  await Promise.all([...many, state.put('stays', 1)]);
  folder.clock.advance(bounds.storeTidyMs);
  await turns(6);
  assert.deepEqual(
    (await state.list('')).entries.map(({ key }) => key),
    ['stays'],
  );
  await store.close();
  const database = new DatabaseSync(folder.store);
  const { entries, bytes } = database.prepare('SELECT entries, bytes FROM state_totals').get() ?? {};
  const { count } = database.prepare('SELECT count(*) AS count FROM state_entries').get() ?? {};
  database.close();
  assert.deepEqual([entries, bytes, count], [1, 6, 1]);
});
