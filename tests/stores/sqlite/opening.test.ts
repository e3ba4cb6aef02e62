import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { isTuttiError } from '../../../src/core/errors.ts';
import type { Area } from '../../../src/stores/sqlite/area.ts';
import type { Store } from '../../../src/stores/sqlite/store.ts';
import { ledgerArea, nextLedgerArea } from '../ledger-area.ts';
import { OwnerProcess } from '../owner-process.ts';
import { StoreFolder } from '../store-folder.ts';

const area = 'ledger';
const add = (store: Store, number: number): Promise<unknown> =>
  store.mutate({ area, name: 'add', input: { number, text: 'a text' } });
const numbers = (store: Store): unknown => store.query({ area, name: 'numbers' });

test('a second owner is refused at once, in this process and in another, and not once the first has closed', async () => {
  using folder = new StoreFolder();
  const store = folder.open([ledgerArea]);
  const isTaken = (error: unknown): boolean => isTuttiError(error, 'ALREADY_RUNNING');
  assert.throws(() => folder.open([ledgerArea]), isTaken);
  await using other = new OwnerProcess({ file: folder.store, count: 0 });
  await other.ended();
  assert.match(other.stderr, /ALREADY_RUNNING/);
  await add(store, 1);
  await store.close();
  await using next = new OwnerProcess({ file: folder.store, from: 2, think: 60_000 });
  await next.until(() => next.acked.length === 1);
  assert.throws(() => folder.open([ledgerArea]), isTaken);
  await next.kill();
  await using last = folder.open([ledgerArea]);
  assert.deepEqual(numbers(last), [1, 2]);
});

test('all that lies beside a store is for its owner alone, whatever the umask (N-82)', async () => {
  using folder = new StoreFolder();
  const umask = process.umask(0);
  try {
    await using store = folder.open([ledgerArea]);
    await add(store, 1);
    await store.backup(folder.file('copy'));
    const files = readdirSync(folder.path);
    assert.ok(
      ['store.db', 'store.db-wal', 'store.db.acked', 'store.db.lock', 'copy'].every((name) =>
        files.includes(name),
      ),
    );
    for (const file of files) assert.equal(statSync(folder.file(file)).mode & 0o777, 0o600, file);
  } finally {
    process.umask(umask);
  }
});

const refusals: [string, (folder: StoreFolder) => void, RegExp][] = [
  [
    'a database of somebody else',
    ({ store }) => {
      const database = new DatabaseSync(store);
      database.exec('CREATE TABLE theirs (x)');
      database.close();
      chmodSync(store, 0o600);
    },
    /is a database, but no store/,
  ],
  [
    'what is no database',
    ({ store }) => {
      writeFileSync(store, 'a text that is long enough to have a head '.repeat(100), { mode: 0o600 });
    },
    /not a database/,
  ],
  [
    'a file that others may read',
    ({ store }) => {
      writeFileSync(store, '', { mode: 0o644 });
    },
    /is not a file that a store could have made: move it away/,
  ],
  [
    'a symlink (N-82)',
    (folder) => {
      writeFileSync(folder.file('victim'), '', { mode: 0o600 });
      symlinkSync(folder.file('victim'), folder.store);
    },
    /is not a file that a store could have made/,
  ],
  [
    'a folder',
    ({ store }) => {
      mkdirSync(store);
    },
    /is not a file that a store could have made/,
  ],
  [
    'a path without a folder',
    ({ path }) => {
      rmSync(path, { recursive: true });
    },
    /The folder .* of the store is not there: make it/,
  ],
];

for (const [what, prepare, sentence] of refusals)
  test(`${what} is refused and left as it is`, () => {
    using folder = new StoreFolder();
    prepare(folder);
    const state = (): string =>
      spawnSync('sh', ['-c', `cd ${folder.path} && ls -l store.db victim; md5sum store.db`], {
        encoding: 'utf8',
      }).stdout;
    const before = state();
    assert.throws(() => folder.open([ledgerArea]), sentence);
    assert.equal(state(), before);
    assert.throws(() => folder.open([ledgerArea]), sentence, 'its lock was let go of');
  });

test('a file that a newer version has written is refused with both numbers and what to do, and not changed', async () => {
  using folder = new StoreFolder();
  const newer = folder.open([nextLedgerArea]);
  await add(newer, 1);
  await newer.close();
  const before = readFileSync(folder.store);
  assert.throws(
    () =>
      folder.open([
        { ...ledgerArea, name: 'other', migrations: ['CREATE TABLE other (x INTEGER) STRICT'] },
        ledgerArea,
      ]),
    (error) =>
      isTuttiError(error, 'CONFIG_INVALID') &&
      /"ledger" is of version 3, and this Tutti knows up to 1: start the newer Tutti/.test(error.message) &&
      error.data['found'] === 3 &&
      error.data['known'] === 1,
  );
  assert.ok(readFileSync(folder.store).equals(before));
  await using again = folder.open([nextLedgerArea]);
  assert.deepEqual(numbers(again), [1]);
});

test('a migration that fails is undone, and those before it stay', async () => {
  using folder = new StoreFolder();
  await folder.open([ledgerArea]).close();
  const [first = '', second = ''] = nextLedgerArea.migrations;
  const broken: Area = {
    ...ledgerArea,
    migrations: [first, second, 'CREATE TABLE half (x INTEGER) STRICT; nonsense'],
  };
  assert.throws(() => folder.open([broken]), /nonsense/);
  await using store = folder.open([nextLedgerArea]);
  await add(store, 1);
  assert.equal(store.query({ area, name: 'notes' }), 0);
});

test('a table that is not STRICT is refused', () => {
  using folder = new StoreFolder();
  const loose: Area = { ...ledgerArea, name: 'loose', migrations: ['CREATE TABLE loose (x INTEGER)'] };
  assert.throws(() => folder.open([loose]), /The table loose is not STRICT/);
});

test('two areas of one name are refused', () => {
  using folder = new StoreFolder();
  assert.throws(() => folder.open([ledgerArea, ledgerArea]), /Two areas of a store have one name/);
  assert.throws(() => folder.open([{ ...ledgerArea, name: 'store' }]), /Two areas of a store have one name/);
});

for (const setting of ['synchronous=FULL', 'foreign_keys=ON'])
  test(`an SQLite that forgets ${setting} is not worked with, not at the second opening either`, async ({
    mock,
  }) => {
    using folder = new StoreFolder();
    await folder.open([ledgerArea]).close();
    const [name = ''] = setting.split('=');
    const original = Object.getOwnPropertyDescriptor(DatabaseSync.prototype, 'exec')?.value as (
      sql: string,
    ) => void;
    const forgets = mock.method(
      DatabaseSync.prototype,
      'exec',
      function exec(this: DatabaseSync, sql: string) {
        original.call(this, sql.replace(setting, `${name}=${name === 'synchronous' ? 'NORMAL' : 'OFF'}`));
      },
    );
    assert.throws(
      () => folder.open([ledgerArea]),
      (error) => isTuttiError(error, 'CONFIG_INVALID') && error.message.includes(`"${name}"`),
    );
    forgets.mock.restore();
    await folder.open([ledgerArea]).close();
  });

test('an older copy in its place is noticed, and gone on with when somebody says so', async () => {
  using folder = new StoreFolder();
  const first = folder.open([ledgerArea]);
  await add(first, 1);
  await first.backup(folder.file('copy'));
  await add(first, 2);
  await add(first, 3);
  await first.close();
  copyFileSync(folder.file('copy'), folder.store);
  assert.throws(
    () => folder.open([ledgerArea]),
    (error) =>
      isTuttiError(error, 'STORE_CORRUPT') &&
      /^2 commits of store.db that were answered are gone/.test(error.message),
  );
  rmSync(folder.file('store.db.acked'));
  await using store = folder.open([ledgerArea]);
  assert.deepEqual(numbers(store), [1]);
});

test('the number of the last commit counts beside its own store only, and what cannot be read is said', async () => {
  using folder = new StoreFolder();
  using other = new StoreFolder();
  for (const { open, count } of [
    { open: () => folder.open([ledgerArea]), count: 1 },
    { open: () => other.open([ledgerArea]), count: 5 },
  ]) {
    await using store = open();
    for (let number = 0; number < count; number += 1) await add(store, number);
  }
  copyFileSync(other.file('store.db.acked'), folder.file('store.db.acked'));
  await folder.open([ledgerArea]).close();
  assert.deepEqual(folder.said, []);
  writeFileSync(folder.file('store.db.acked'), 'nonsense');
  await folder.open([ledgerArea]).close();
  assert.deepEqual(folder.said, ['warn The number of the last commit cannot be read']);
});

test('a clock that is a little behind at opening goes on from the last commit; far behind, from itself', async () => {
  using folder = new StoreFolder();
  const times: number[] = [];
  const timed: Area = {
    ...ledgerArea,
    queries: { ...ledgerArea.queries, time: (_db, _input, now) => now },
  };
  const openAt = async (wall: number): Promise<void> => {
    const clock = { ...folder.clock, wall: () => wall };
    await using store = folder.open([timed], { clock });
    times.push(store.query({ area, name: 'time' }) as number);
    await add(store, times.length);
  };
  for (const wall of [10_000_000, 9_000_000, 20_000_000, 1_000_000]) await openAt(wall);
  assert.deepEqual(times, [10_000_000, 10_000_000, 20_000_000, 1_000_000]);
  assert.deepEqual(folder.said, ['warn The clock was set back since the store was last written']);
});

test('a disk that takes the commits and not their number is said once, and nothing else is held up', async ({
  mock,
}) => {
  using folder = new StoreFolder();
  await using store = folder.open([ledgerArea]);
  const { mock: failing } = mock.method(fs, 'writeSync', () => {
    throw Object.assign(new Error('no space left'), { code: 'ENOSPC' });
  });
  syncBuiltinESMExports();
  await add(store, 1);
  await add(store, 2);
  failing.restore();
  syncBuiltinESMExports();
  assert.deepEqual(numbers(store), [1, 2]);
  assert.deepEqual(folder.said, ['error The number of the last commit cannot be kept']);
});
