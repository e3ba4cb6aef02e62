import assert from 'node:assert/strict';
import { existsSync, readdirSync, writeFileSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { isTuttiError } from '../../../src/core/errors.ts';
import { copyStore } from '../../../src/stores/sqlite/copy-store.ts';
import type { Store } from '../../../src/stores/sqlite/store.ts';
import { ledgerArea } from '../ledger-area.ts';
import { StoreFolder, setBound, turns } from '../store-folder.ts';

const area = 'ledger';
const add = (store: Store, number: number, text = 'a text'): Promise<unknown> =>
  store.mutate({ area, name: 'add', input: { number, text } });
const numbers = (store: Store): number[] => store.query({ area, name: 'numbers' }) as number[];

/** Some ten megabytes: 2,500 pages. */
async function fill(store: Store): Promise<void> {
  const text = 'x'.repeat(10_000);
  await Promise.all(Array.from({ length: 1_000 }, (_none, number) => add(store, number, text)));
}

/** One after the other, behind those of `fill`; gives how many. */
async function addWhile(store: Store, work: Promise<unknown>): Promise<number> {
  const end = new AbortController();
  const ended = work.finally(() => {
    end.abort();
  });
  let count = 0;
  for (; !end.signal.aborted; count += 1) await add(store, 1_000 + count);
  await ended;
  return count;
}

test('a backup is a store: all that was committed before it, and whole while work goes on', async (context) => {
  setBound(context, 'storeCopyPages', 16);
  using folder = new StoreFolder();
  const store = folder.open([ledgerArea]);
  await fill(store);
  const answered = await addWhile(store, store.backup(folder.file('copy')));
  assert.ok(answered > 10, `the owner answered ${String(answered)} times meanwhile`);
  await store.close();
  rmSync(folder.file('store.db.acked'));
  renameSync(folder.file('copy'), folder.store);
  await using copy = folder.open([ledgerArea]);
  const found = numbers(copy);
  assert.ok(found.length >= 1_000);
  assert.deepEqual(
    found,
    Array.from(found, (_none, index) => index),
  );
  assert.deepEqual((await copy.verify()).problems, []);
  await add(copy, 5_000);
});

/** A store whose commit is under way, as a copy finds it that is begun in the middle of one. */
function inTheMiddle(folder: StoreFolder): DatabaseSync {
  const database = new DatabaseSync(folder.file('a.db'));
  database.exec('CREATE TABLE things (text); BEGIN IMMEDIATE; INSERT INTO things VALUES (1)');
  return database;
}
const still = (database: DatabaseSync) => () => ({ database, [Symbol.dispose]: () => undefined });

test('a copy that is begun while a commit is under way is made after it', async () => {
  using folder = new StoreFolder();
  using database = inTheMiddle(folder);
  const copied = copyStore(still(database), folder.file('copy'), new AbortController().signal);
  await turns(20);
  database.exec('COMMIT');
  await copied;
  using copy = new DatabaseSync(folder.file('copy'));
  assert.equal(copy.prepare('SELECT text FROM things').get()?.['text'], 1);
});

test('a copy that never finds the store between two commits says so, and nothing of it stays', async () => {
  using folder = new StoreFolder();
  using database = inTheMiddle(folder);
  const copied = copyStore(still(database), folder.file('copy'), new AbortController().signal);
  await assert.rejects(copied, (error) => isTuttiError(error, 'STORE_UNREACHABLE'));
  assert.deepEqual(readdirSync(folder.path).sort(), ['a.db', 'a.db-journal']);
});

test('a backup replaces no file, and leaves nothing beside it', async () => {
  using folder = new StoreFolder();
  await using store = folder.open([ledgerArea]);
  writeFileSync(folder.file('copy'), 'precious');
  await assert.rejects(store.backup(folder.file('copy')), (error) => isTuttiError(error, 'CONFLICT'));
  assert.equal(readFileSync(folder.file('copy'), 'utf8'), 'precious');
  await assert.rejects(store.backup(folder.file('nowhere/copy')), /ENOENT/);
  assert.deepEqual(
    readdirSync(folder.path).filter((name) => name.includes('copy')),
    ['copy'],
  );
});

test('closing ends a backup and a check that are under way, and nothing of them stays', async () => {
  using folder = new StoreFolder();
  const store = folder.open([ledgerArea]);
  await fill(store);
  const ended = Promise.allSettled([store.backup(folder.file('copy')), store.verify()]);
  await turns(3);
  await store.close();
  for (const result of await ended)
    assert.ok(result.status === 'rejected' && isTuttiError(result.reason, 'STORE_CLOSED'));
  assert.deepEqual(readdirSync(folder.path).sort(), [
    'store.db',
    'store.db.acked',
    'store.db.lock',
    'store.db.redo',
  ]);
});

test('a check tells how many rows it looked at, and the owner answers meanwhile', async () => {
  using folder = new StoreFolder();
  await using store = folder.open([ledgerArea]);
  await fill(store);
  const check = store.verify();
  const answered = await addWhile(store, check);
  const { isSound, problemCount, rows } = await check;
  assert.deepEqual([isSound, problemCount], [true, 0]);
  assert.ok(rows > 1_000 && answered > 10, `${String(rows)} rows, ${String(answered)} answers`);
  assert.ok(!existsSync(folder.file('store.db.verify')));
});

test('what a dead owner left of a check is gone at the next opening', async () => {
  using folder = new StoreFolder();
  writeFileSync(folder.file('store.db.verify'), 'half a copy');
  await folder.open([ledgerArea]).close();
  assert.ok(!existsSync(folder.file('store.db.verify')));
});
