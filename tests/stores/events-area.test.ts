/** What the area of durable events refuses, and what it lets go. */
import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { bounds } from '../../src/core/bounds.ts';
import { writeKept } from '../../src/mesh/kept-event.ts';
import { EventLag } from '../../src/services/store/event-lag.ts';
import { listTopics, readEvents } from '../../src/services/store/kept-events.ts';
import type { ReplayPage } from '../../src/stores/event-log/event-replay.ts';
import { eventsArea } from '../../src/stores/event-log/events-area.ts';
import type { OwedEvent, OwedPage } from '../../src/stores/event-log/event-owed.ts';
import { checksumOf } from '../../src/stores/sqlite/checksum.ts';
import type { Store } from '../../src/stores/sqlite/store.ts';
import { Chance } from '../fuzz/chance.ts';
import { ledgerArea } from './ledger-area.ts';
import { fakeClock } from '../../src/testing/fake-clock.ts';
import { setBound, StoreFolder } from './store-folder.ts';

const area = 'events';
test('who has a million events to come is given no more, and nobody gets the one that was refused', async () => {
  using folder = new StoreFolder();
  await folder.open([eventsArea]).close();
  const row = { receiver: 'full', owed: bounds.owedEvents, dead: 0 };
  const sum = checksumOf({ name: 'event_receivers', key: ['receiver'], content: ['owed', 'dead'] }, row);
  const database = new DatabaseSync(folder.store);
  database
    .prepare('INSERT INTO event_receivers (receiver, owed, dead, checksum) VALUES (?, ?, ?, ?)')
    .run('full', row.owed, 0, sum);
  database.close();
  await using store = folder.open([eventsArea]);
  await assert.rejects(keepOne(store, { receivers: ['mailer', 'full'] }), { code: 'OVERLOADED' });
  assert.deepEqual(store.query({ area, name: 'receivers' }), [row]);
  assert.equal(await keepOne(store), 1);
});

test('a payload that is too large, or none at all, is refused before it is sent', () => {
  const text = 'x'.repeat(bounds.keptEventBytes);
  assert.throws(() => writeKept(text, undefined), { code: 'PAYLOAD_TOO_LARGE' });
  assert.throws(() => writeKept(undefined, undefined), { code: 'INVALID_INPUT' });
});

test('a reason that is cut within a character is no damage', async (context) => {
  setBound(context, 'deadEventError', 3);
  using folder = new StoreFolder();
  await using store = folder.open([eventsArea]);
  const seq = await keepOne(store);
  const input = { receiver: 'mailer', ends: [{ seq, end: 'dead', error: 'ab😀' }] };
  await store.mutate({ area, name: 'settle', input });
  const [dead] = store.query({
    ...{ area, name: 'dead' },
    input: { receiver: 'mailer', after: 0, limit: 1 },
  }) as { error: string }[];
  assert.equal(dead?.error, 'ab\ufffd');
});

interface Kept {
  readonly event?: string;
  readonly receivers?: readonly string[];
  readonly key?: string | null;
}

/** Gives its number. */
async function keepOne(
  store: Store,
  { event = 'a.b', receivers = ['mailer'], key = null }: Kept = {},
): Promise<number> {
  const input = { event, id: '1', key, priority: 5, body: writeKept(event, undefined), receivers };
  const [seq] = (await store.mutate({ area, name: 'keep', input: { events: [input] } })) as number[];
  return Number(seq);
}

const settle = (store: Store, seq: number, end: 'done' | 'dead'): Promise<unknown> =>
  store.mutate({
    ...{ area, name: 'settle' },
    input: { receiver: 'mailer', ends: [{ seq, end, error: 'Error: no' }] },
  });

async function replay(store: Store, more: object = {}): Promise<ReplayPage> {
  const all = { since: 0, until: Number.MAX_SAFE_INTEGER, after: 0, upTo: Number.MAX_SAFE_INTEGER };
  const input = { receiver: 'mailer', events: ['a.b'], ...all, ...more };
  return (await store.mutate({ area, name: 'replay', input })) as ReplayPage;
}

const place = { receiver: 'mailer', after: 0, upTo: Number.MAX_SAFE_INTEGER, limit: 250 };
const owedPage = (store: Store, more: object = {}): OwedPage =>
  store.query({ area, name: 'owed', input: { ...place, ...more } }) as OwedPage;
const owed = (store: Store): readonly OwedEvent[] => owedPage(store).events;
const numbers = (store: Store): number[] => owed(store).map(({ seq }) => seq);

test('what was handled or given up is owed again, with all its attempts; what is still owed is not doubled', async () => {
  using folder = new StoreFolder();
  await using store = folder.open([eventsArea]);
  for (let count = 0; count < 3; count += 1) await keepOne(store, { key: 'k' });
  await settle(store, 1, 'done');
  await settle(store, 2, 'dead');
  assert.deepEqual(numbers(store), [3]);
  const { replayed, owed: anyway } = await replay(store);
  assert.deepEqual([replayed, anyway], [2, 1]);
  assert.deepEqual(
    owed(store).map(({ seq, attempts, waitMs, key }) => [seq, attempts, waitMs, key]),
    [
      [1, 0, 0, 'k'],
      [2, 0, 0, 'k'],
      [3, 0, 0, 'k'],
    ],
  );
  assert.deepEqual(store.query({ area, name: 'receivers' }), [{ receiver: 'mailer', owed: 3, dead: 0 }]);
  assert.equal((await replay(store)).replayed, 0, 'asked for again it changes nothing');
  const input = { receiver: 'mailer', key: 'k', upTo: 3 };
  assert.equal((store.query({ area, name: 'nextOfKey', input }) as OwedEvent).seq, 1);
});

test('only what was kept in the time, of the events that were named, also for who was not there then', async () => {
  using folder = new StoreFolder();
  await using store = folder.open([eventsArea]);
  const times: number[] = [];
  for (const event of ['a.b', 'a.b', 'c.d', 'a.b']) {
    times.push(store.now());
    await keepOne(store, { event, receivers: ['audit'] });
    folder.clock.advance(1_000);
  }
  const page = await replay(store, { since: times[1], until: times[2] });
  assert.deepEqual([page.replayed, page.throughAt, numbers(store)], [1, times[1], [2]]);
  await replay(store, { since: times[3] });
  assert.deepEqual(numbers(store), [2, 4]);
  const span = { since: times[1], until: times[2] };
  assert.deepEqual(store.query({ area, name: 'span', input: span }), { first: 2, last: 3 });
  const later = { since: store.now() + 1, until: Number.MAX_SAFE_INTEGER };
  assert.equal(store.query({ area, name: 'span', input: later }), undefined);
});

test('a change goes through a page, and says where to go on; one that has enough to come is given no more', async (context) => {
  setBound(context, 'eventPage', 2);
  using folder = new StoreFolder();
  await using store = folder.open([eventsArea]);
  for (let count = 0; count < 5; count += 1) await settle(store, await keepOne(store), 'done');
  const first = await replay(store, { upTo: 5 });
  assert.deepEqual([first.replayed, first.through, first.isFull], [2, 2, false]);
  setBound(context, 'owedEvents', 3);
  const second = await replay(store, { after: 2, upTo: 5 });
  assert.deepEqual([second.replayed, second.isFull], [1, true]);
  assert.deepEqual(store.query({ area, name: 'receivers' }), [{ receiver: 'mailer', owed: 3, dead: 0 }]);
});

test('the oldest that is owed is found behind those that were given up, and is as old as it is', async () => {
  using folder = new StoreFolder();
  await using store = folder.open([eventsArea]);
  const lag = new EventLag(store);
  for (let count = 0; count < 3; count += 1) {
    await keepOne(store);
    folder.clock.advance(1_000);
  }
  const lagMs = (): number[] => lag.read().map((one) => one.lagMs);
  assert.deepEqual(lagMs(), [3_000]);
  await settle(store, 1, 'dead');
  assert.deepEqual(lagMs(), [2_000]);
  await replay(store);
  lag.anew('mailer');
  assert.deepEqual(lagMs(), [3_000]);
  for (const seq of [1, 2, 3]) await settle(store, seq, 'done');
  assert.deepEqual(lagMs(), [0]);
});

test('what is kept is counted by name, with who has some to come, and read by its number, page by page', async (context) => {
  setBound(context, 'eventScan', 2);
  using folder = new StoreFolder();
  await using store = folder.open([eventsArea]);
  const start = store.now();
  for (const event of ['a.b', 'c.d', 'a.b', 'c.d', 'a.b']) {
    await keepOne(store, { event, receivers: event === 'a.b' ? ['mailer', 'audit'] : [] });
    folder.clock.advance(1_000);
  }
  await settle(store, 1, 'done');
  assert.deepEqual(await listTopics(store), [
    { event: 'a.b', kept: 3, oldestAt: start, newestAt: start + 4_000, owed: { audit: 3, mailer: 2 } },
    { event: 'c.d', kept: 2, oldestAt: start + 1_000, newestAt: start + 3_000, owed: {} },
  ]);
  const read = async (more: object = {}): Promise<[number[], number | null]> => {
    const { events, next } = await readEvents(store, {
      event: 'a.b',
      since: 0,
      after: 0,
      limit: 250,
      ...more,
    });
    return [events.map(({ seq }) => seq), next];
  };
  assert.deepEqual(await read(), [[1, 3, 5], null]);
  assert.deepEqual(await read({ limit: 2 }), [[1, 3], 3]);
  assert.deepEqual(await read({ after: 3, limit: 2 }), [[5], null]);
  assert.deepEqual(await read({ since: start + 2_000 }), [[3, 5], null]);
  assert.deepEqual(await read({ event: 'x.y' }), [[], null]);
  setBound(context, 'eventReadSize', 1);
  assert.deepEqual(await read(), [[1], 1]);
});

test('how many are owed and dead is what a look gives, whatever was done in however few commits', async () => {
  const chance = new Chance(20_261_129);
  using folder = new StoreFolder();
  await using store = folder.open([eventsArea, ledgerArea]);
  const names = ['mailer', 'stock'];
  const any = (): { receiver: string; seq: number } => ({
    receiver: names[chance.below(2)] ?? '',
    seq: 1 + chance.below(40),
  });
  const ended = (more: object): Promise<unknown> => {
    const { receiver, seq } = any();
    const ends = [{ seq, error: 'Error: no', ...more }];
    return store.mutate({ area, name: 'settle', input: { receiver, ends } });
  };
  const deeds: readonly (() => Promise<unknown>)[] = [
    () => keepOne(store, { receivers: names }),
    () => keepOne(store, { receivers: [names[chance.below(2)] ?? ''] }),
    () => ended({ end: 'done' }),
    () => ended({ end: 'dead' }),
    () => ended({ end: 'retry', afterMs: 5 }),
    () => store.mutate({ area, name: 'redrive', input: any() }),
    // Throws when it has written: all beside it are made once more.
    () =>
      store.mutate({ area: 'ledger', name: 'break', input: { number: 1, text: '' } }).catch(() => undefined),
  ];
  for (let step = 0; step < 300; step += 1) {
    const some = Array.from({ length: 1 + chance.below(4) }, () => chance.below(deeds.length));
    await Promise.all(some.flatMap((which) => deeds[which]?.() ?? []));
  }
  const seen = names.map((receiver) => {
    const all = { receiver, limit: 1_000 };
    const dead = store.query({ area, name: 'dead', input: { ...place, ...all } }) as unknown[];
    return { receiver, owed: owedPage(store, all).events.length, dead: dead.length };
  });
  assert.deepEqual(store.query({ area, name: 'receivers' }), seen);
  assert.ok(
    seen.every(({ owed, dead }) => owed > 0 && dead > 0),
    JSON.stringify(seen),
  );
  assert.equal((await store.verify()).isSound, true);
});

test('when the clock was set back by hours while nobody had the store, a time is still that time', async () => {
  using folder = new StoreFolder();
  let times: number[] = [];
  {
    await using store = folder.open([eventsArea]);
    times = [store.now()];
    await keepOne(store, { receivers: [] });
  }
  const clock = fakeClock(0, folder.clock.wall() - 7_200_000);
  await using store = folder.open([eventsArea], { clock });
  for (let count = 0; count < 2; count += 1) {
    clock.advance(1_000);
    times.push(store.now());
    await keepOne(store, { receivers: [] });
  }
  const since = times[2] ?? 0;
  assert.ok(since < (times[0] ?? 0), JSON.stringify(times));
  const { events } = await readEvents(store, { event: 'a.b', since, after: 0, limit: 250 });
  assert.deepEqual(
    events.map(({ seq }) => seq),
    [1, 3],
  );
  await replay(store, { since });
  assert.deepEqual(numbers(store), [1, 3]);
});
