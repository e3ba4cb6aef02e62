/** Small commits are held in the redo log until SQLite commits them together: whatever comes between, nothing that was answered is lost or half there. */
import assert from 'node:assert/strict';
import { constants, copyFileSync, readFileSync, readlinkSync, rmSync, statSync, truncateSync } from 'node:fs';
import { DatabaseSync, StatementSync } from 'node:sqlite';
import { test } from 'node:test';
import { bounds } from '../../../src/core/bounds.ts';
import type { ErrorCode } from '../../../src/core/errors.ts';
import { isTuttiError } from '../../../src/core/errors.ts';
import { jobsArea } from '../../../src/stores/job-queue/jobs-area.ts';
import type { Area } from '../../../src/stores/sqlite/area.ts';
import type { Store } from '../../../src/stores/sqlite/store.ts';
import { watchWrites } from '../file-writes.ts';
import { ledgerArea, nextLedgerArea } from '../ledger-area.ts';
import { OwnerProcess } from '../owner-process.ts';
import { StoreFolder, setBound, turns } from '../store-folder.ts';

const area = 'ledger';
const add = (store: Store, number: number, text = 'a text'): Promise<unknown> =>
  store.mutate({ area, name: 'add', input: { number, text } });
const numbers = (store: Store): number[] => store.query({ area, name: 'numbers' }) as number[];
const bigText = 'x'.repeat(bounds.storeRedoRecordBytes / 3);

/** What the file has without its redo log, looked at by nobody else meanwhile. */
function inFile(folder: StoreFolder): number[] {
  using copy = new StoreFolder();
  for (const end of ['', '-wal']) copyFileSync(folder.store + end, copy.store + end);
  using database = new DatabaseSync(copy.store);
  const rows = database.prepare('SELECT number FROM ledger_entries ORDER BY number').all();
  return rows.map(({ number }) => Number(number));
}

async function killedOwner(count: number): Promise<StoreFolder> {
  const folder = new StoreFolder();
  await using owner = new OwnerProcess({ file: folder.store, count, stays: 60_000 });
  await owner.until(() => owner.acked.length === count);
  await owner.kill();
  return folder;
}

test('small commits are answered before SQLite has them, and it has them with the next big one', async () => {
  using folder = new StoreFolder();
  await using store = folder.open([ledgerArea]);
  for (let number = 1; number <= 5; number += 1) await add(store, number);
  assert.deepEqual([numbers(store), inFile(folder)], [[1, 2, 3, 4, 5], []]);
  await add(store, 6, bigText);
  assert.deepEqual(inFile(folder), [1, 2, 3, 4, 5, 6]);
  await add(store, 7);
  assert.deepEqual([numbers(store).length, inFile(folder).length], [7, 6]);
});

test('SQLite has them when the redo log is full, at the next look for what has expired, and at the end', async (context) => {
  setBound(context, 'storeRedoBytes', 4_000);
  using folder = new StoreFolder();
  const store = folder.open([ledgerArea]);
  for (let number = 1; inFile(folder).length === 0; number += 1) await add(store, number);
  const { length } = numbers(store);
  assert.ok(length > 3 && inFile(folder).length === length, `${String(length)} numbers`);
  await add(store, 100);
  assert.equal(inFile(folder).length, length);
  folder.clock.advance(bounds.storeTidyMs);
  await turns(2);
  assert.equal(inFile(folder).length, length + 1);
  await add(store, 200);
  await store.close();
  using copy = new StoreFolder();
  copyFileSync(folder.store, copy.store);
  for (const closed of [copy, folder]) {
    await using again = closed.open([ledgerArea]);
    assert.equal(numbers(again).length, length + 2);
  }
});

test('what a killed owner held its successor has, with the answers, and goes on from there', async () => {
  using folder = await killedOwner(20);
  assert.deepEqual(inFile(folder), []);
  await using store = folder.open([ledgerArea]);
  const expected = Array.from({ length: 20 }, (_none, index) => index + 1);
  assert.deepEqual([numbers(store), inFile(folder)], [expected, expected]);
  const operation = { instance: 'owner', epoch: 1, number: 7 };
  const input = { number: 7, text: 'a text 7' };
  assert.equal(await store.mutate({ area, name: 'add', input, operation }), 7);
  assert.equal(store.stats().repeated, 1);
  await add(store, 21);
  assert.deepEqual((await store.verify()).problems, []);
});

test('what was held is there before the tables are changed', async () => {
  using folder = await killedOwner(5);
  await using store = folder.open([nextLedgerArea]);
  assert.equal(store.query({ area, name: 'notes' }), 5);
});

test('one that throws undoes itself only, and nothing of what is held', async () => {
  using folder = new StoreFolder();
  await using store = folder.open([ledgerArea]);
  await add(store, 1);
  await add(store, 2);
  for (const [name, number] of [
    ['break', 3],
    ['breakLate', 4],
  ] as const) {
    const broken = store.mutate({ area, name, input: { number: 100, text: 'never' } });
    const [thrown, other] = await Promise.allSettled([broken, add(store, number)]);
    assert.deepEqual([thrown.status, other.status], ['rejected', 'fulfilled']);
    const expected = Array.from({ length: number }, (_none, index) => index + 1);
    assert.deepEqual([numbers(store), inFile(folder)], [expected, expected]);
  }
});

test('who only looks changes nothing of what is held', async () => {
  using folder = new StoreFolder();
  await using store = folder.open([ledgerArea]);
  await add(store, 1);
  assert.equal(await store.mutate({ area, name: 'look' }), 1);
  await add(store, 2);
  assert.deepEqual([numbers(store), inFile(folder)], [[1, 2], []]);
});

test('a copy has what is held, and so has a check', async () => {
  using folder = new StoreFolder();
  await using store = folder.open([ledgerArea]);
  for (let number = 1; number <= 50; number += 1) await add(store, number);
  await store.backup(folder.file('copy'));
  await add(store, 51);
  assert.equal((await store.verify()).rows, 52);
  using other = new StoreFolder();
  copyFileSync(folder.file('copy'), other.store);
  await using copy = other.open([ledgerArea]);
  assert.equal(numbers(copy).length, 50);
});

test('while a copy is made nothing is held: SQLite copies nothing of a store with an open transaction', async () => {
  using folder = new StoreFolder();
  await using store = folder.open([ledgerArea]);
  await add(store, 1);
  const copying = store.backup(folder.file('copy'));
  await add(store, 2);
  assert.deepEqual(inFile(folder), [1, 2]);
  await copying;
  await add(store, 3);
  assert.deepEqual(inFile(folder), [1, 2]);
});

/** COMMIT finds no room as long as `isFull`; counted. */
function fullDisk(context: { mock: typeof test.mock }): { isFull: boolean; refused: number } {
  const disk = { isFull: true, refused: 0 };
  const run = Object.getOwnPropertyDescriptor(StatementSync.prototype, 'run')?.value as (
    ...values: unknown[]
  ) => unknown;
  context.mock.method(
    StatementSync.prototype,
    'run',
    function commit(this: StatementSync, ...values: unknown[]) {
      if (disk.isFull && this.sourceSQL === 'COMMIT') {
        disk.refused += 1;
        throw Object.assign(new Error('database or disk is full'), { errcode: 13 });
      }
      return run.apply(this, values);
    },
  );
  return disk;
}

const refused = (promise: Promise<unknown>, code: ErrorCode): Promise<void> =>
  assert.rejects(promise, (error) => isTuttiError(error, code));

test('on a full disk what is held stays, small ones are taken as long as the redo log has room, and all of it is there in the end', async (context) => {
  setBound(context, 'storeRedoBytes', 4_000);
  using folder = new StoreFolder();
  await using store = folder.open([ledgerArea]);
  await add(store, 1);
  const disk = fullDisk(context);
  await refused(add(store, 1_000, bigText), 'STORE_FULL');
  await add(store, 2);
  folder.clock.advance(bounds.storeTidyMs);
  await add(store, 3);
  assert.ok(folder.said.includes('warn The disk of the store is full: it can be read'));
  await refused(store.backup(folder.file('copy')), 'STORE_FULL');
  let number = 4;
  for (; disk.refused < 5; number += 1)
    await add(store, number).catch((error: unknown) => {
      assert.ok(isTuttiError(error, 'STORE_FULL'));
      number -= 1;
    });
  const expected = Array.from({ length: number - 1 }, (_none, index) => index + 1);
  assert.deepEqual([numbers(store), inFile(folder)], [expected, []]);
  disk.isFull = false;
  await add(store, number);
  assert.deepEqual(
    [numbers(store), inFile(folder)],
    [
      [...expected, number],
      [...expected, number],
    ],
  );
  assert.deepEqual((await store.verify()).problems, []);
});

test('opened on a full disk what was held can be read, is kept on, and no newer version changes its tables', async (context) => {
  using folder = await killedOwner(5);
  const disk = fullDisk(context);
  assert.throws(
    () => folder.open([nextLedgerArea]),
    (error) => isTuttiError(error, 'STORE_FULL'),
  );
  const store = folder.open([ledgerArea]);
  await add(store, 6);
  assert.deepEqual([numbers(store), inFile(folder)], [[1, 2, 3, 4, 5, 6], []]);
  disk.isFull = false;
  await store.close();
  await using next = folder.open([nextLedgerArea]);
  assert.equal(next.query({ area, name: 'notes' }), 6);
});

test('closed on a full disk it leaves what is held to the next one', async (context) => {
  using folder = new StoreFolder();
  const store = folder.open([ledgerArea]);
  await add(store, 1);
  const disk = fullDisk(context);
  await store.close();
  assert.ok(
    folder.said.includes('warn The last commits of the store are in its redo log until it is opened again'),
  );
  disk.isFull = false;
  await using again = folder.open([ledgerArea]);
  assert.deepEqual(numbers(again), [1]);
});

test('a redo log that cannot be made again as it was is the end of this opening, and nothing is lost', async () => {
  using folder = new StoreFolder();
  const store = folder.open([ledgerArea]);
  await add(store, 1);
  await add(store, 2);
  const path = `${folder.store}.redo`;
  const kept = `${path}.kept`;
  copyFileSync(path, kept);
  // The second record is gone while the owner holds it.
  const first = 16 + readFileSync(path).readUInt32LE(0);
  const { size } = statSync(path);
  truncateSync(path, first);
  truncateSync(path, size);
  await refused(
    store.mutate({ area, name: 'break', input: { number: 3, text: 'never' } }),
    'STORE_UNREACHABLE',
  );
  await refused(add(store, 4), 'STORE_UNREACHABLE');
  await store.close();
  copyFileSync(kept, path);
  await using again = folder.open([ledgerArea]);
  assert.deepEqual(numbers(again), [1, 2]);
});

/** The files of an owner that is killed now. */
function killedNow(folder: StoreFolder): StoreFolder {
  const killed = new StoreFolder();
  for (const end of ['', '-wal', '.acked', '.redo']) copyFileSync(folder.store + end, killed.store + end);
  return killed;
}

test('what does not find the rows that it found at first is not made again', async () => {
  using folder = new StoreFolder();
  await using store = folder.open([ledgerArea]);
  await add(store, 1, bigText);
  await store.mutate({ area, name: 'remove', input: { number: 1 } });
  using killed = killedNow(folder);
  {
    using database = new DatabaseSync(killed.store);
    database.exec('DELETE FROM ledger_entries');
  }
  assert.throws(
    () => killed.open([ledgerArea]),
    (error) => isTuttiError(error, 'STORE_CORRUPT') && /redo log, which does not follow/.test(error.message),
  );
});

test('a store that does not know how far it is gets nothing made again, and says so', async () => {
  using folder = new StoreFolder();
  await using store = folder.open([ledgerArea]);
  await store.mutate({ area, name: 'remove', input: { number: 1 } });
  await add(store, 1);
  await add(store, 2, bigText);
  using killed = killedNow(folder);
  {
    using database = new DatabaseSync(killed.store);
    database.exec('UPDATE store_head SET commits = 0');
  }
  assert.throws(
    () => killed.open([ledgerArea]),
    (error) => isTuttiError(error, 'STORE_CORRUPT') && error.message.includes('of store_head'),
  );
});

test('a copy that is put in the place of a store that was closed gets nothing that came after it', async () => {
  using folder = new StoreFolder();
  const store = folder.open([ledgerArea]);
  await add(store, 1);
  await store.backup(folder.file('copy'));
  await add(store, 2);
  await store.close();
  copyFileSync(folder.file('copy'), folder.store);
  rmSync(`${folder.store}.acked`);
  await using again = folder.open([ledgerArea]);
  assert.deepEqual(numbers(again), [1]);
});

const note = (store: Store, number: number): Promise<unknown> => {
  const input = (): object => ({ number, text: 'a text' });
  return store.mutateLate({ area, name: 'add', input, isPatient: true });
};
const redoBytes = (folder: StoreFolder, store: Store): number =>
  store.stats().logBytes - statSync(`${folder.store}-wal`).size;

test('of what nobody waits for a killed owner leaves all, and the power may take it: then it was never there', async () => {
  using folder = new StoreFolder();
  await using store = folder.open([ledgerArea]);
  await add(store, 1);
  const kept = redoBytes(folder, store);
  assert.equal(await note(store, 2), 2);
  using killed = killedNow(folder);
  using unpowered = killedNow(folder);
  truncateSync(`${unpowered.store}.redo`, kept);
  for (const [left, expected] of [
    [killed, [1, 2]],
    [unpowered, [1]],
  ] as const) {
    await using next = left.open([ledgerArea]);
    assert.deepEqual(numbers(next), expected);
    await add(next, 3);
    assert.deepEqual((await next.verify()).problems, []);
  }
  assert.deepEqual(numbers(store), [1, 2]);
});

test('what nobody waits for outlives its owner that is killed as soon as it was told', async () => {
  using folder = new StoreFolder();
  await using owner = new OwnerProcess({ file: folder.store, count: 3, patient: 1, stays: 60_000 });
  await owner.until(() => owner.noted.length === 3);
  await owner.kill();
  await using store = folder.open([ledgerArea]);
  assert.deepEqual(numbers(store), [-3, -2, -1, 1, 2, 3]);
});

test('one for whom somebody waits takes those before it along, and one of those in its commit', async (context) => {
  using folder = new StoreFolder();
  await using store = folder.open([ledgerArea]);
  using written = seenSyncs(folder, context);
  await note(store, 1);
  assert.equal(written.synced, 0);
  await Promise.all([note(store, 2), add(store, 3)]);
  assert.equal(written.synced, redoBytes(folder, store));
  await note(store, 4);
  assert.ok(written.synced < redoBytes(folder, store));
  folder.clock.advance(bounds.storePatienceMs);
  assert.equal(written.synced, redoBytes(folder, store));
});

test('what nobody waits for and came as the store was closed is kept, and nothing is to be done for it any more', async () => {
  using folder = new StoreFolder();
  const store = folder.open([ledgerArea]);
  const noted = note(store, 1);
  await store.close();
  await noted;
  assert.equal(folder.clock.pending, 0);
  await using again = folder.open([ledgerArea]);
  assert.deepEqual(numbers(again), [1]);
});

/** Up to where the redo log was written by whom a write is a sync. */
function seenSyncs(
  folder: StoreFolder,
  context: { mock: typeof test.mock },
): Disposable & { readonly synced: number } {
  const seen = { synced: 0 };
  const watching = watchWrites(context, ({ fd, to }) => {
    const about = readFileSync(`/proc/self/fdinfo/${String(fd)}`, 'utf8');
    const flags = parseInt(/flags:\s+(\d+)/.exec(about)?.[1] ?? '', 8);
    const isRedo = readlinkSync(`/proc/self/fd/${String(fd)}`) === `${folder.store}.redo`;
    if (isRedo && (flags & constants.O_DSYNC) !== 0) seen.synced = to;
  });
  return Object.assign(seen, watching);
}

const queue = 'work';
const jobs = (store: Store, count: number, body = '{}'): Promise<unknown> =>
  store.mutate({
    area: 'jobs',
    name: 'add',
    input: { queue, jobs: Array.from({ length: count }, () => ({ id: null, priority: 5, body })) },
  });
const waiting = (store: Store): unknown =>
  (store.query({ area: 'jobs', name: 'counts', input: { queue } }) as Record<string, number>)['waiting'];

test('numbers and counts go on from what is held, for its owner and for who comes after it', async () => {
  using folder = new StoreFolder();
  await using store = folder.open([jobsArea]);
  for (let number = 1; number <= 3; number += 1)
    assert.deepEqual(await jobs(store, 1), [{ id: String(number), added: true }]);
  assert.equal(waiting(store), 3);
  using killed = killedNow(folder);
  await using next = killed.open([jobsArea]);
  assert.equal(waiting(next), 3);
  assert.deepEqual(await jobs(next, 1), [{ id: '4', added: true }]);
  assert.equal(waiting(next), 4);
});

test('what was undone is in no count', async (context) => {
  using folder = new StoreFolder();
  await using store = folder.open([jobsArea]);
  await jobs(store, 1);
  const disk = fullDisk(context);
  await refused(jobs(store, 2, JSON.stringify(bigText)), 'STORE_FULL');
  disk.isFull = false;
  assert.deepEqual(await jobs(store, 1), [{ id: '2', added: true }]);
  assert.equal(waiting(store), 2);
});

test('what is swept is in no count', async () => {
  using folder = new StoreFolder();
  await using store = folder.open([jobsArea]);
  const keep = JSON.stringify({ done: { ageMs: 0, count: 0 }, failed: { ageMs: 0, count: 0 } });
  await store.mutate({ area: 'jobs', name: 'keep', input: { queue, keep } });
  const cancelled = (): unknown =>
    (store.query({ area: 'jobs', name: 'counts', input: { queue } }) as Record<string, number>)['cancelled'];
  const cancel = (id: number): Promise<unknown> =>
    store.mutate({ area: 'jobs', name: 'cancel', input: { queue, id: String(id), reason: '' } });
  for (const id of [1, 2]) {
    await jobs(store, 1);
    await cancel(id);
    assert.equal(cancelled(), 1);
    folder.clock.advance(bounds.storeTidyMs);
    await turns(2);
    assert.equal(cancelled(), 0);
  }
});

test('what JSON cannot say SQLite commits at once', async () => {
  const odd: Area = {
    ...ledgerArea,
    migrations: [
      ...ledgerArea.migrations,
      'CREATE TABLE odd (number REAL, bytes BLOB, whole INTEGER) STRICT',
    ],
    mutations: {
      ...ledgerArea.mutations,
      put: (db, values: readonly (number | bigint | Uint8Array)[]) =>
        db.run('INSERT INTO odd VALUES (?, ?, ?)', ...values),
    },
  };
  using folder = new StoreFolder();
  await using store = folder.open([odd]);
  let heldBytes = 0;
  const isHeld = async (...input: unknown[]): Promise<boolean> => {
    await store.mutate({ area, name: 'put', input, bytes: Buffer.from('as it came') });
    const before = heldBytes;
    heldBytes = store.stats().logBytes - statSync(`${folder.store}-wal`).size;
    return heldBytes > before;
  };
  assert.equal(await isHeld(0.1, null, 1), true);
  assert.equal(await isHeld(Infinity, null, 1), false);
  assert.equal(await isHeld(1, null, 1), true);
  assert.equal(await isHeld(1, new Uint8Array([1]), 1), false);
  assert.equal(await isHeld(1, null, 2n ** 60n), false);
  assert.equal(await isHeld(-0.5, null, -3), true);
});
