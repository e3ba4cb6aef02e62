/** A store that is kept elsewhere, on a log that does what the test says. */
import assert from 'node:assert/strict';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { ErrorCode } from '../../../src/core/errors.ts';
import { isTuttiError } from '../../../src/core/errors.ts';
import { systemClock } from '../../../src/os/clock.ts';
import type { Area } from '../../../src/stores/sqlite/area.ts';
import { nextLedgerArea } from '../ledger-area.ts';
import { setBound, turns } from '../store-folder.ts';
import { KeptWorld, add, numbers, upTo } from './kept-world.ts';
import { MemoryChangeLog, MemoryEngine } from './memory-change-log.ts';

const engine = (): MemoryEngine => new MemoryEngine(systemClock);
const refused = (promise: Promise<unknown>, code: ErrorCode): Promise<void> =>
  assert.rejects(promise, (error) => isTuttiError(error, code));
/** Something that an event ends. */
function gate(): { readonly passed: Promise<void>; open: () => void } {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  return {
    passed: promise.then(() => undefined),
    open: () => {
      resolve(undefined);
    },
  };
}

test('what was answered is there for the next owner, who has nothing of it on its disk', async () => {
  await using world = new KeptWorld();
  const kept = engine();
  const first = await world.openKept(new MemoryChangeLog(kept));
  await Promise.all(upTo(50).map((number) => add(first, number)));
  await first.store.mutate({ area: 'ledger', name: 'remove', input: { number: 7 } });
  await first.close();
  const second = await world.openKept(new MemoryChangeLog(kept), { seat: 'elsewhere' });
  assert.deepEqual(
    numbers(second),
    upTo(50).filter((number) => number !== 7),
  );
  assert.equal((await second.store.verify()).isSound, true);
  await second.close();
});

test('an answer leaves after its commit is kept, and nobody sees what may yet be undone', async () => {
  await using world = new KeptWorld();
  const log = new MemoryChangeLog(engine());
  const opened = await world.openKept(log);
  const { passed, open } = gate();
  const asked = gate();
  log.beforeAppend = async () => {
    asked.open();
    await passed;
    return undefined;
  };
  let isAnswered = false;
  const answer = add(opened, 1).then(() => (isAnswered = true));
  await asked.passed;
  const later = add(opened, 2);
  assert.deepEqual(numbers(opened), []);
  assert.equal(isAnswered, false);
  open();
  await answer;
  assert.deepEqual(numbers(opened).slice(0, 1), [1]);
  await later;
  assert.deepEqual(numbers(opened), [1, 2]);
  await opened.close();
});

test('what comes while a commit is under way goes together into the next one', async () => {
  await using world = new KeptWorld();
  const kept = engine();
  const log = new MemoryChangeLog(kept);
  const opened = await world.openKept(log);
  const before = kept.records.size;
  const { passed, open } = gate();
  log.beforeAppend = () => passed.then(() => undefined);
  const all = [add(opened, 1)];
  await new Promise(setImmediate);
  for (let number = 2; number <= 500; number += 1) all.push(add(opened, number));
  // They have their turn, and wait all the same.
  await turns(2);
  open();
  await Promise.all(all);
  assert.equal(kept.records.size - before, 2);
  await opened.close();
});

test('an engine that takes no more is a full store: nothing is half done, reads go on, and it works again when there is room', async () => {
  await using world = new KeptWorld();
  const kept = engine();
  const log = new MemoryChangeLog(kept);
  const opened = await world.openKept(log);
  await add(opened, 1);
  log.beforeAppend = () => Promise.resolve('full');
  await Promise.all([refused(add(opened, 2), 'STORE_FULL'), refused(add(opened, 3), 'STORE_FULL')]);
  assert.deepEqual(numbers(opened), [1]);
  log.beforeAppend = () => Promise.resolve(undefined);
  await add(opened, 3);
  await opened.close();
  const next = await world.openKept(new MemoryChangeLog(kept));
  assert.deepEqual(numbers(next), [1, 3]);
  await next.close();
});

test('an engine that is away holds changes up and loses none, and none is made twice when an answer got lost', async () => {
  await using world = new KeptWorld();
  const kept = engine();
  const log = new MemoryChangeLog(kept);
  const opened = await world.openKept(log);
  let fails = 3;
  log.beforeAppend = () =>
    fails-- > 0 ? Promise.reject(new Error('connection lost')) : Promise.resolve(undefined);
  log.afterAppend = () => (fails-- === -1 ? Promise.reject(new Error('connection lost')) : Promise.resolve());
  await add(opened, 1);
  await add(opened, 2);
  assert.deepEqual(numbers(opened), [1, 2]);
  assert.equal(
    world.said.filter((line) => line.startsWith('error What keeps the store cannot be reached')).length,
    1,
  );
  assert.ok(world.said.includes('info What keeps the store is back: changes go on'));
  await opened.close();
  const next = await world.openKept(new MemoryChangeLog(kept));
  assert.deepEqual(numbers(next), [1, 2]);
  await next.close();
});

test('a store whose engine is away is closed within its time, and says that it does not know', async (context) => {
  setBound(context, 'storeCloseMs', 100);
  await using world = new KeptWorld();
  const kept = engine();
  const log = new MemoryChangeLog(kept);
  const opened = await world.openKept(log);
  log.beforeAppend = () => Promise.reject(new Error('connection lost'));
  const unknown = refused(add(opened, 1), 'STORE_CLOSED');
  await new Promise(setImmediate);
  await opened.close();
  await unknown;
  assert.equal(log.isClosed, true);
});

test('a new owner on the same seat ends what the old one can do, whatever that one believes', async () => {
  await using world = new KeptWorld();
  const kept = engine();
  const old = await world.openKept(new MemoryChangeLog(kept));
  await add(old, 1);
  const next = await world.openKept(new MemoryChangeLog(kept));
  await refused(add(old, 2), 'STORE_UNREACHABLE');
  assert.match(world.failures[0]?.message ?? '', /another owner has taken the store/);
  await refused(add(old, 3), 'STORE_UNREACHABLE');
  await add(next, 4);
  assert.deepEqual(numbers(next), [1, 4]);
  await old.close();
  await next.close();
});

test('an app elsewhere waits for the end of the lease, and is told who has the store', async (context) => {
  setBound(context, 'storeLeaseMs', 2_000);
  await using world = new KeptWorld();
  const kept = engine();
  const first = await world.openKept(new MemoryChangeLog(kept));
  const second = new MemoryChangeLog(kept);
  await assert.rejects(
    world.openKept(second, { seat: 'elsewhere' }),
    /The store belongs to whoever sits here: a store has one owner/,
  );
  assert.equal(second.isClosed, true);
  await add(first, 1);
  assert.deepEqual(world.failures, []);
  // It dies without a word.
  kept.held = {
    ...(kept.held ?? assert.fail()),
    claim: 'of a dead one',
    seat: 'gone',
    heardAt: systemClock.now(),
  };
  const third = await world.openKept(new MemoryChangeLog(kept), { seat: 'elsewhere' });
  assert.deepEqual(numbers(third), [1]);
  await third.close();
  await first.close();
});

test('a lease that is another owner\u2019s is noticed without a commit', async (context) => {
  setBound(context, 'storeLeaseMs', 60);
  await using world = new KeptWorld();
  const kept = engine();
  const first = await world.openKept(new MemoryChangeLog(kept));
  const { passed, open } = gate();
  world.failures.push = (error): number => {
    assert.match(error.message, /another owner has taken the store/);
    open();
    return 1;
  };
  kept.held = { claim: 'another', seat: 'gone', label: 'another', heardAt: systemClock.now() + 10_000 };
  await passed;
  await first.close();
});

test('what an engine has lost of what it acknowledged its owner puts back', async () => {
  await using world = new KeptWorld();
  const kept = engine();
  const opened = await world.openKept(new MemoryChangeLog(kept));
  await Promise.all(upTo(20).map((number) => add(opened, number)));
  kept.forget();
  await add(opened, 21);
  const lastTwo = [...kept.records.keys()];
  await add(opened, 22);
  // An older state of it, as from a backup.
  kept.records = new Map([...kept.records].filter(([number]) => lastTwo.includes(number)));
  await add(opened, 23);
  assert.equal(
    world.said.filter((line) => line.startsWith('error What keeps the store has lost commits')).length,
    2,
  );
  await opened.close();
  const next = await world.openKept(new MemoryChangeLog(kept));
  assert.deepEqual(numbers(next), upTo(23));
  await next.close();
});

test('what a record or a copy holds otherwise than it was written is never taken for the truth', async () => {
  await using world = new KeptWorld();
  const kept = engine();
  const opened = await world.openKept(new MemoryChangeLog(kept));
  await add(opened, 1, 'a text that a flipped bit changes');
  const number = kept.last;
  await opened.close();
  const sound = kept.records.get(number) ?? assert.fail();
  const flipped = Buffer.from(sound);
  flipped[flipped.length - 9] = (flipped.at(-9) ?? 0) ^ 1;
  kept.records.set(number, flipped);
  const named = new RegExp(`commit ${String(number)} is kept otherwise than it was written`);
  await assert.rejects(world.openKept(new MemoryChangeLog(kept)), named);
  kept.records.set(number, sound);
  kept.records.delete(number - 1);
  await assert.rejects(world.openKept(new MemoryChangeLog(kept)), /is not kept any more/);
  kept.records.set(number - 1, sound);
  const copy = kept.kept ?? assert.fail();
  copy.checksum ^= 1;
  await assert.rejects(
    world.openKept(new MemoryChangeLog(kept)),
    /the copy up to commit 0 is kept otherwise/,
  );
  assert.equal(kept.held, undefined, 'the store is given back');
});

test('a copy takes the place of the records when they outgrow it, while the store goes on', async (context) => {
  setBound(context, 'storeRecordsBytes', 20_000);
  await using world = new KeptWorld();
  const kept = engine();
  const opened = await world.openKept(new MemoryChangeLog(kept));
  for (let number = 1; number <= 400; number += 1) await add(opened, number, 'x'.repeat(500));
  await opened.close();
  assert.ok((kept.kept?.number ?? 0) > 0, 'there is a copy');
  assert.ok(kept.records.size < 401, 'and fewer records');
  const next = await world.openKept(new MemoryChangeLog(kept));
  assert.deepEqual(numbers(next), upTo(400));
  assert.deepEqual(
    readdirSync(world.file('copy-1')).filter((name) => name.includes('.copy')),
    [],
  );
  await next.close();
});

test('records that no copy replaces are bounded: beyond, the store is full until there is one', async (context) => {
  setBound(context, 'storeRecordsBytes', 2_000);
  setBound(context, 'storeRecordsLimitBytes', 20_000);
  await using world = new KeptWorld();
  const kept = engine();
  const log = new MemoryChangeLog(kept);
  const opened = await world.openKept(log);
  log.beforeCopy = () => Promise.reject(new Error('no room for it'));
  let number = 0;
  const fill = async (): Promise<void> => {
    for (;;) await add(opened, (number += 1), 'x'.repeat(500));
  };
  await refused(fill(), 'STORE_FULL');
  assert.ok(number < 40);
  assert.deepEqual(numbers(opened), upTo(number - 1));
  const warning = 'warn No copy of the store could be put beside its log, which grows';
  while (!world.said.includes(warning)) await turns(1);
  await opened.close();
  const next = await world.openKept(new MemoryChangeLog(kept));
  await add(next, number);
  await next.close();
});

test('a newer version of the code changes the tables of what is kept, and an older one is refused', async () => {
  await using world = new KeptWorld();
  const kept = engine();
  const old = await world.openKept(new MemoryChangeLog(kept));
  await add(old, 1);
  await old.close();
  const newer = await world.openKept(new MemoryChangeLog(kept), { areas: [nextLedgerArea] });
  await add(newer, 2);
  await newer.close();
  await assert.rejects(world.openKept(new MemoryChangeLog(kept)), (error) =>
    isTuttiError(error, 'CONFIG_INVALID'),
  );
  const again = await world.openKept(new MemoryChangeLog(kept), { areas: [nextLedgerArea] });
  assert.deepEqual(numbers(again), [1, 2]);
  await again.close();
});

test('a number that a table gave is not given again, also when what had it came and went in one commit', async () => {
  await using world = new KeptWorld();
  const counted: Area = {
    name: 'counted',
    migrations: ['CREATE TABLE counted (seq INTEGER PRIMARY KEY AUTOINCREMENT, text TEXT NOT NULL) STRICT'],
    tables: [],
    mutations: {
      add: (db) => Number(db.get("INSERT INTO counted (text) VALUES ('') RETURNING seq")?.['seq']),
      clear: (db) => db.run('DELETE FROM counted'),
    },
    queries: {},
  };
  const kept = engine();
  const first = await world.openKept(new MemoryChangeLog(kept), { areas: [counted] });
  const ask = (name: string) => ({ area: 'counted', name });
  assert.deepEqual(
    await Promise.all([first.store.mutate(ask('add')), first.store.mutate(ask('clear'))]),
    [1, 1],
  );
  await first.close();
  const second = await world.openKept(new MemoryChangeLog(kept), { areas: [counted] });
  assert.equal(await second.store.mutate(ask('add')), 2);
  await second.close();
});

test('what goes with its parent is gone for the next owner as well', async () => {
  await using world = new KeptWorld();
  const family: Area = {
    name: 'family',
    migrations: [
      `CREATE TABLE parents (id INTEGER PRIMARY KEY) STRICT;
       CREATE TABLE children (id INTEGER PRIMARY KEY, parent INTEGER NOT NULL REFERENCES parents (id) ON DELETE CASCADE) STRICT;`,
    ],
    tables: [],
    mutations: {
      add: (db) =>
        db.run('INSERT INTO parents VALUES (1)') + db.run('INSERT INTO children VALUES (1, 1), (2, 1)'),
      remove: (db) => db.run('DELETE FROM parents'),
    },
    queries: { children: (db) => db.all('SELECT * FROM children').length },
  };
  const kept = engine();
  const first = await world.openKept(new MemoryChangeLog(kept), { areas: [family] });
  await first.store.mutate({ area: 'family', name: 'add' });
  await first.store.mutate({ area: 'family', name: 'remove' });
  await first.close();
  const second = await world.openKept(new MemoryChangeLog(kept), { areas: [family] });
  assert.equal(second.store.query({ area: 'family', name: 'children' }), 0);
  await second.close();
});

test('a change that is asked for again of the next owner gets the first answer', async () => {
  await using world = new KeptWorld();
  const kept = engine();
  const change = {
    area: 'ledger',
    name: 'append',
    input: { number: 1, text: '' },
    operation: { instance: 'a', epoch: 1, number: 1 },
  };
  const first = await world.openKept(new MemoryChangeLog(kept));
  assert.equal(await first.store.mutate(change), 1);
  await add(first, 2);
  await first.close();
  const second = await world.openKept(new MemoryChangeLog(kept));
  assert.equal(await second.store.mutate(change), 1);
  await second.close();
});

test('what an acknowledgement has to survive is looked at before anything is opened, and again under way', async (context) => {
  setBound(context, 'storeLeaseMs', 60);
  await using world = new KeptWorld();
  const kept = engine();
  const weak = { engine: 'Memory 1 at home', ack: 'memory', because: 'a test says so' } as const;
  kept.found = weak;
  await assert.rejects(
    world.openKept(new MemoryChangeLog(kept), { requireAck: 'disk' }),
    /requires that an acknowledgement is of class disk, and that of Memory 1 at home is of class memory \(a test says so\)/,
  );
  assert.equal(kept.held, undefined);
  const named = await world.openKept(new MemoryChangeLog(kept));
  assert.equal(named.report().ack, 'memory');
  assert.ok(
    world.said.some((line) =>
      line.startsWith('warn The store is kept in Memory 1 at home; an acknowledgement is of class memory'),
    ),
  );
  await named.close();
  kept.found = { ...weak, ack: 'disk' };
  const strict = await world.openKept(new MemoryChangeLog(kept), { requireAck: 'disk' });
  const { passed, open } = gate();
  world.failures.push = (error): number => {
    assert.match(error.message, /requires that an acknowledgement is of class disk/);
    open();
    return 1;
  };
  kept.found = weak;
  await passed;
  await strict.close();
});

test('the file it works on is for its owner alone', async () => {
  await using world = new KeptWorld();
  const opened = await world.openKept(new MemoryChangeLog(engine()));
  assert.equal(statSync(opened.file).mode & 0o077, 0);
  assert.equal(statSync(join(opened.file, '..')).mode & 0o077, 0);
  await opened.close();
});
