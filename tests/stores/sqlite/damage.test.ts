/** Flipped bits and cut files: what was answered is given back as it was, or it is said that it cannot be. */
import assert from 'node:assert/strict';
import { copyFileSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { isTuttiError } from '../../../src/core/errors.ts';
import { sqliteStateStore } from '../../../src/stores/state/sqlite-state-store.ts';
import { stateArea } from '../../../src/stores/state/state-area.ts';
import type { Store } from '../../../src/stores/sqlite/store.ts';
import { ledgerArea } from '../ledger-area.ts';
import { OwnerProcess } from '../owner-process.ts';
import { StoreFolder } from '../store-folder.ts';

const isLong = process.env['TUTTI_LONG'] === '1';
const area = 'ledger';
const textOf = (number: number): string => `the text of number ${String(number)}`;
const add = (store: Store, number: number): Promise<unknown> =>
  store.mutate({ area, name: 'add', input: { number, text: textOf(number) } });

async function filled(count: number): Promise<StoreFolder> {
  const folder = new StoreFolder();
  const store = folder.open([ledgerArea]);
  await Promise.all(Array.from({ length: count }, (_none, number) => add(store, number)));
  await store.close();
  return folder;
}

function flip(path: string, at: number, bit = 0): void {
  const bytes = readFileSync(path);
  bytes[at] = (bytes[at] ?? 0) ^ (1 << bit);
  writeFileSync(path, bytes);
}

test('a flipped bit of a row is noticed when it is read, and named; the rest goes on', async () => {
  using folder = await filled(20);
  flip(folder.store, readFileSync(folder.store).indexOf(textOf(7)) + 4);
  await using store = folder.open([ledgerArea]);
  assert.throws(
    () => store.query({ area, name: 'text', input: { number: 7 } }),
    (error) =>
      isTuttiError(error, 'STORE_CORRUPT') &&
      error.message === 'The store is damaged: the row [7] of ledger_entries',
  );
  assert.equal(store.query({ area, name: 'text', input: { number: 8 } }), textOf(8));
  await add(store, 100);
  const { isSound, problems } = await store.verify();
  assert.equal(isSound, false);
  assert.deepEqual(problems, ['the row [7] of ledger_entries is not as it was written']);
});

test('a flipped bit of a value of the state area is noticed by get, list and put', async () => {
  using folder = new StoreFolder();
  const first = folder.open([stateArea]);
  await sqliteStateStore(first).put('a key', 'a value to be flipped');
  await first.close();
  flip(folder.store, readFileSync(folder.store).indexOf('a value to be flipped') + 3);
  await using store = folder.open([stateArea]);
  const state = sqliteStateStore(store);
  for (const ask of [() => state.get('a key'), () => state.list(''), () => state.put('a key', 1)])
    await assert.rejects(ask, /^TuttiError: The store is damaged: the row \["a key"\] of state_entries$/);
});

test('an index that does not fit its table is found by a check', async () => {
  using folder = new StoreFolder();
  const first = folder.open([stateArea]);
  await sqliteStateStore(first).put('the key', 1, { ttlMs: 1_000 });
  await first.close();
  // The table comes before its index.
  flip(folder.store, readFileSync(folder.store).lastIndexOf('the key') + 2);
  await using store = folder.open([stateArea]);
  assert.equal((await sqliteStateStore(store).get('the key'))?.value, 1);
  const { problems } = await store.verify();
  assert.match(problems.join(), /state_expiring/);
});

test('whatever bit is flipped, no row is read that was not written, and no row is missed by a check', async () => {
  using folder = await filled(50);
  using damaged = new StoreFolder();
  const { size } = statSync(folder.store);
  let [refused, noticed, unchanged] = [0, 0, 0];
  const rounds = isLong ? 2_000 : 100;
  for (let round = 0; round < rounds; round += 1) {
    for (const name of ['store.db', 'store.db.acked']) copyFileSync(folder.file(name), damaged.file(name));
    flip(damaged.store, Math.floor((size * (round + 0.5)) / rounds), round % 8);
    const found = await readAll(damaged);
    if (found === undefined) refused += 1;
    else if (found.wrong > 0) assert.fail(`round ${String(round)}: ${String(found.wrong)} wrong rows`);
    else if (found.missing > 0) {
      assert.ok(found.hasProblems, `round ${String(round)}: a row is missing, and the check saw nothing`);
      noticed += 1;
    } else unchanged += 1;
  }
  assert.ok(
    noticed > 0,
    `${String(refused)} refused, ${String(noticed)} noticed, ${String(unchanged)} unchanged`,
  );
});

/** Undefined: the store did not open. */
async function readAll(
  folder: StoreFolder,
): Promise<{ wrong: number; missing: number; hasProblems: boolean } | undefined> {
  let store: Store;
  try {
    store = folder.open([ledgerArea]);
  } catch {
    return undefined;
  }
  let [wrong, missing] = [0, 0];
  for (let number = 0; number < 50; number += 1)
    try {
      const text = store.query({ area, name: 'text', input: { number } });
      if (text === undefined) missing += 1;
      else if (text !== textOf(number)) wrong += 1;
    } catch {
      missing += 1;
    }
  const hasProblems = missing > 0 && !(await store.verify().catch(() => ({ isSound: false }))).isSound;
  await store.close();
  return { wrong, missing, hasProblems };
}

/** What is a commit of SQLite at once, and what is held until the next one. */
const texts = { '-wal': 'x'.repeat(70_000), '.redo': 'a text' };
type LogEnd = keyof typeof texts;

/** A killed owner leaves what it answered for in its log, and nothing more: it has nothing under way when it is killed. */
async function killedOwner(log: LogEnd): Promise<[StoreFolder, number[]]> {
  const folder = await filled(0);
  await using owner = new OwnerProcess({
    ...{ file: folder.store, count: 10, think: 1 },
    ...{ stays: 60_000, text: texts[log] },
  });
  await owner.until(() => owner.acked.length >= 10);
  await owner.kill();
  return [folder, owner.acked];
}

const cutTo =
  (bytes: (size: number) => number) =>
  (path: string): void => {
    truncateSync(path, bytes(statSync(path).size));
  };
const flipAt =
  (at: (size: number) => number) =>
  (path: string): void => {
    flip(path, at(statSync(path).size));
  };

const damages: Record<LogEnd, Record<string, (path: string) => void>> = {
  '-wal': {
    'cut in its middle': cutTo((size) => Math.floor(size / 2)),
    'cut by one byte': cutTo((size) => size - 1),
    gone: cutTo(() => 0),
    changed: flipAt((size) => Math.floor(size / 2)),
  },
  // Its records are at its beginning.
  '.redo': {
    'cut within a record': cutTo(() => 1_000),
    gone: cutTo(() => 0),
    changed: flipAt(() => 1_000),
    'changed in its first byte': flipAt(() => 0),
  },
};

for (const log of ['-wal', '.redo'] as const)
  test(`a log (${log}) whose tail was cut or changed is noticed at opening, and not taken for one that ends there (F5)`, async () => {
    const [folder, acked] = await killedOwner(log);
    using killed = folder;
    for (const [what, damage] of Object.entries(damages[log])) {
      using damaged = new StoreFolder();
      for (const end of ['', '-wal', '.acked', '.redo'])
        copyFileSync(killed.store + end, damaged.store + end);
      damage(damaged.store + log);
      assert.throws(
        () => damaged.open([ledgerArea]),
        (error) =>
          isTuttiError(error, 'STORE_CORRUPT') &&
          /commits of store.db that were answered are gone/.test(error.message),
        what,
      );
    }
    await using store = killed.open([ledgerArea]);
    const numbers = store.query({ area, name: 'numbers' }) as number[];
    assert.deepEqual(
      acked.filter((number) => !numbers.includes(number)),
      [],
    );
  });
