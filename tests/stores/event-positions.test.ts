/** How far a service is with its events, and what is written of those that it is past and has not got. */
import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { bounds } from '../../src/core/bounds.ts';
import { writeKept } from '../../src/mesh/kept-event.ts';
import { readEvents } from '../../src/services/store/kept-events.ts';
import type { OwedPage } from '../../src/stores/event-log/event-owed.ts';
import type { DeliveryEnd, SettleOutput } from '../../src/stores/event-log/event-settling.ts';
import { deliveries, eventMigrations, events, receivers } from '../../src/stores/event-log/event-tables.ts';
import { jobsArea } from '../../src/stores/job-queue/jobs-area.ts';
import { eventsArea } from '../../src/stores/event-log/events-area.ts';
import { checksumOf } from '../../src/stores/sqlite/checksum.ts';
import type { Store } from '../../src/stores/sqlite/store.ts';
import { setBound, StoreFolder, turns } from './store-folder.ts';

const area = 'events';

async function keep(store: Store, count: number, more: object = {}): Promise<number[]> {
  const one = { event: 'a.b', id: 'id', key: null, priority: 5, body: writeKept('x', undefined) };
  const kept = Array.from({ length: count }, () => ({ ...one, receivers: ['mailer'], ...more }));
  return (await store.mutate({ area, name: 'keep', input: { events: kept } })) as number[];
}

const settle = (store: Store, ...ends: DeliveryEnd[]): Promise<unknown> =>
  store.mutate({ area, name: 'settle', input: { receiver: 'mailer', ends } });
const done = (store: Store, ...seqs: number[]): Promise<unknown> =>
  settle(store, ...seqs.map((seq) => ({ seq, end: 'done' as const })));

const owed = (store: Store, more: object = {}): OwedPage => {
  const place = { receiver: 'mailer', after: 0, upTo: Number.MAX_SAFE_INTEGER, limit: 250 };
  return store.query({ area, name: 'owed', input: { ...place, ...more } }) as OwedPage;
};
const numbers = (store: Store, more: object = {}): number[] => owed(store, more).events.map(({ seq }) => seq);

/** Of a store that is closed. */
function rows(folder: StoreFolder): unknown[] {
  const database = new DatabaseSync(folder.store);
  const found = database.prepare('SELECT seq, attempts FROM event_deliveries ORDER BY seq').all();
  database.close();
  return found.map((row) => Object.values(row));
}

test('what is handled in its order leaves nothing behind; what a service is past and has not got has a row until it has', async () => {
  using folder = new StoreFolder();
  {
    await using store = folder.open([eventsArea]);
    await keep(store, 6);
    await done(store, 1, 2);
    assert.deepEqual(numbers(store), [3, 4, 5, 6]);
  }
  assert.deepEqual(rows(folder), []);
  {
    await using store = folder.open([eventsArea]);
    await settle(store, { seq: 5, end: 'done' }, { seq: 4, end: 'retry', afterMs: 50, error: 'Error: no' });
    assert.deepEqual(
      owed(store).events.map(({ seq, attempts, waitMs }) => [seq, attempts, waitMs]),
      [
        [3, 0, 0],
        [4, 1, 50],
        [6, 0, 0],
      ],
    );
  }
  assert.deepEqual(rows(folder), [
    [3, 0],
    [4, 1],
  ]);
  {
    await using store = folder.open([eventsArea]);
    await done(store, 3, 4);
    assert.deepEqual(numbers(store), [6]);
    await done(store, 6);
    // Said twice it changes nothing.
    await done(store, 5, 6);
    assert.deepEqual(store.query({ area, name: 'receivers' }), [{ receiver: 'mailer', owed: 0, dead: 0 }]);
  }
  assert.deepEqual(rows(folder), []);
});

test('a service gets what is for it, from when it was there, however much there is for others', async () => {
  using folder = new StoreFolder();
  await using store = folder.open([eventsArea]);
  await keep(store, 3, { receivers: ['audit'] });
  await keep(store, 1, { receivers: ['audit', 'mailer'] });
  await keep(store, 2, { receivers: ['mail'] });
  await keep(store, 1);
  assert.deepEqual(numbers(store), [4, 7]);
  assert.deepEqual(numbers(store, { receiver: 'audit' }), [1, 2, 3, 4]);
  assert.deepEqual(numbers(store, { receiver: 'mail' }), [5, 6]);
  await done(store, 7);
  assert.deepEqual(numbers(store), [4]);
});

test('nobody is looked further ahead than the horizon, until what is before it is passed', async (context) => {
  setBound(context, 'eventsAhead', 2);
  using folder = new StoreFolder();
  await using store = folder.open([eventsArea]);
  await keep(store, 5, { key: 'k' });
  const first = owed(store);
  assert.deepEqual([numbers(store), first.through, first.horizon, first.isLast], [[1, 2], 2, 2, false]);
  await store.mutate({ area, name: 'pass', input: { receiver: 'mailer', upTo: first.through } });
  assert.deepEqual(
    [numbers(store), numbers(store, { after: 2 })],
    [
      [1, 2, 3, 4],
      [3, 4],
    ],
  );
  const next = (): unknown => {
    const input = { receiver: 'mailer', key: 'k', upTo: 5 };
    return (store.query({ area, name: 'nextOfKey', input }) as { seq: number } | undefined)?.seq;
  };
  assert.equal(next(), 1);
  await done(store, 1, 2);
  assert.equal(next(), 3, 'of those that have no row');
  await done(store, 4);
  assert.deepEqual([next(), numbers(store), owed(store).isLast], [3, [3, 5], true]);
});

test('pages of what has a row and of what has none are one list, in order, and none is left out', async (context) => {
  using folder = new StoreFolder();
  await using store = folder.open([eventsArea]);
  await keep(store, 3, { receivers: ['audit'] });
  await keep(store, 9);
  // Kept once more for who was not meant: it has a row ahead of its place.
  const all = { since: 0, until: Number.MAX_SAFE_INTEGER, after: 0, upTo: 3 };
  const again = { receiver: 'mailer', events: ['a.b'], ...all };
  await store.mutate({ area, name: 'replay', input: again });
  await done(store, 8, 10);
  setBound(context, 'eventPage', 2);
  const seen: number[] = [];
  for (let after = 0, isLast = false; !isLast;) {
    const page = owed(store, { after });
    seen.push(...page.events.map(({ seq }) => seq));
    ({ through: after, isLast } = page);
  }
  assert.deepEqual(seen, [1, 2, 3, 4, 5, 6, 7, 9, 11, 12]);
});

test('what somebody has still to get is kept, however old, and nothing else', async () => {
  using folder = new StoreFolder();
  await using store = folder.open([eventsArea]);
  await keep(store, 1, { receivers: ['audit'] });
  await keep(store, 3);
  await keep(store, 1, { receivers: [] });
  await done(store, 3);
  const left = async (): Promise<number[]> =>
    (await readEvents(store, { event: 'a.b', since: 0, after: 0, limit: 9 })).events.map(({ seq }) => seq);
  const tidied = async (...seqs: number[]): Promise<void> => {
    // Nothing is tidied while a commit is being kept elsewhere.
    await turns(2);
    folder.clock.advance(bounds.storeTidyMs);
    for (let turn = 0; turn < 500 && (await left()).length > seqs.length; turn += 1) await turns(1);
    assert.deepEqual(await left(), seqs);
  };
  folder.clock.advance(bounds.keptEventMs);
  await tidied(1, 2, 4);
  await done(store, 2, 4);
  await tidied(1);
});

test('a row that is damaged holds up no other', async () => {
  using folder = new StoreFolder();
  {
    await using store = folder.open([eventsArea]);
    await keep(store, 3);
    await done(store, 3);
  }
  const database = new DatabaseSync(folder.store);
  database.exec("UPDATE event_deliveries SET error = 'x' WHERE seq = 1");
  database.close();
  await using store = folder.open([eventsArea]);
  const failed = { end: 'dead', error: 'Error: no' } as const;
  const output = await settle(store, { seq: 1, ...failed }, { seq: 2, ...failed });
  assert.deepEqual((output as SettleOutput).damaged, [1]);
  assert.deepEqual(store.query({ area, name: 'receivers' }), [{ receiver: 'mailer', owed: 0, dead: 2 }]);
});

/** What is there is not what was written. */
function damage(folder: StoreFolder, ...updates: readonly string[]): void {
  const database = new DatabaseSync(folder.store);
  for (const update of updates) assert.equal(database.prepare(`UPDATE ${update}`).run().changes, 1);
  database.close();
}

test('what was tried and has a damaged row counts as never tried; a damaged event is passed over, and told', async () => {
  using folder = new StoreFolder();
  {
    await using store = folder.open([eventsArea]);
    await keep(store, 5, { key: 'k' });
    await settle(
      store,
      ...[1, 2].map((seq) => ({ seq, end: 'retry', afterMs: 50, error: 'Error: no' }) as const),
    );
  }
  const records = [2, 4].map((seq) => `event_records SET body = 'x' WHERE seq = ${String(seq)}`);
  damage(folder, "event_deliveries SET error = 'x' WHERE seq = 1", ...records);
  await using store = folder.open([eventsArea]);
  const page = owed(store);
  assert.deepEqual(
    page.events.map(({ seq, attempts, waitMs }) => [seq, attempts, waitMs]),
    [
      [1, 0, 0],
      [3, 0, 0],
      [5, 0, 0],
    ],
  );
  assert.deepEqual([page.damaged, page.through, page.isLast], [[2, 4], 5, true]);
  const next = (): unknown => {
    const input = { receiver: 'mailer', key: 'k', upTo: 5 };
    return (store.query({ area, name: 'nextOfKey', input }) as { readonly seq: number } | undefined)?.seq;
  };
  const order: unknown[] = [];
  for (let seq = next(); seq !== undefined; seq = next()) {
    order.push(seq);
    await done(store, seq as number);
  }
  assert.deepEqual(order, [1, 3, 5]);
  // Those that cannot be read are owed as before.
  assert.deepEqual(store.query({ area, name: 'receivers' }), [{ receiver: 'mailer', owed: 2, dead: 0 }]);
});

/** Its body was summed up within JSON. */
const { long: _long, ...eventsThen } = events;

test('a store from before goes on: what was owed is owed, and no number is given twice', async () => {
  using folder = new StoreFolder();
  await folder.open([{ ...eventsArea, migrations: eventMigrations.slice(0, 1) }]).close();
  const at = folder.clock.wall();
  const body = writeKept('old', undefined);
  const database = new DatabaseSync(folder.store);
  for (const seq of [1, 2, 3, 4]) {
    const row = { seq, event: 'a.b', id: 'id', order_key: null, priority: 5, at, body };
    const values = [...Object.values(row), checksumOf(eventsThen, { ...row, receivers: '' })];
    database.prepare('INSERT INTO event_records VALUES (?, ?, ?, ?, ?, ?, ?, ?)').run(...values);
  }
  const owing = {
    receiver: 'mailer',
    seq: 2,
    order_key: null,
    attempts: 1,
    due: at,
    is_dead: 0,
    error: 'no',
  };
  database
    .prepare('INSERT INTO event_deliveries VALUES (?, ?, ?, ?, ?, ?, ?, ?)')
    .run(...Object.values(owing), checksumOf(deliveries, owing));
  const total = { receiver: 'mailer', owed: 1, dead: 0 };
  database
    .prepare('INSERT INTO event_receivers VALUES (?, ?, ?, ?)')
    .run('mailer', 1, 0, checksumOf(receivers, { ...total, position: 0 }));
  database.exec('DELETE FROM event_records WHERE seq = 4');
  database.close();
  {
    await using store = folder.open([eventsArea]);
    assert.deepEqual(numbers(store), [2]);
    assert.deepEqual(await keep(store, 1), [5]);
    assert.deepEqual(owed(store).events[0]?.attempts, 1);
    assert.deepEqual(numbers(store), [2, 5]);
    assert.equal((await store.verify()).isSound, true);
    await done(store, 5);
  }
  assert.deepEqual(rows(folder), [[2, 1]]);
});

/** As many as each area had before a body was summed up as it is. */
for (const [area, then] of [
  [eventsArea, 2],
  [jobsArea, 3],
] as const)
  test(`${area.name}: an older version is refused, which would take rows for damaged`, async () => {
    using folder = new StoreFolder();
    await folder.open([area]).close();
    const older = { ...area, migrations: area.migrations.slice(0, then) };
    assert.throws(() => folder.open([older]), { code: 'CONFIG_INVALID' });
  });
