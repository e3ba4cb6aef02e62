/** What somebody who watches a store hears of its changes: what is committed, in its order, and nothing else. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TuttiError } from '../../../src/core/errors.ts';
import type { Area, Notes, Watcher } from '../../../src/stores/sqlite/area.ts';
import type { CommitKeeper } from '../../../src/stores/sqlite/commit-keeper.ts';
import { openStore } from '../../../src/stores/sqlite/open-store.ts';
import type { Store } from '../../../src/stores/sqlite/store.ts';
import { setBound, StoreFolder, turns } from '../store-folder.ts';

interface Entry {
  readonly number: number;
  readonly fails?: boolean;
  readonly bytes?: number;
}

/** For each time that a change was made: whether it could note anything. */
const noted: boolean[] = [];

const numbers: Area = {
  name: 'numbers',
  migrations: ['CREATE TABLE numbers (number INTEGER PRIMARY KEY, text TEXT) STRICT;'],
  tables: [],
  mutations: {
    // eslint-disable-next-line max-params -- as `Mutation`
    add: (db, { number, fails = false, bytes = 0 }: Entry, _now, notes?: Notes) => {
      noted.push(notes !== undefined);
      db.run('INSERT INTO numbers VALUES (?, ?)', number, 'x');
      if (notes?.wants('numbers') === true) notes.note(number);
      if (fails) throw new TuttiError('CONFLICT', { what: `number ${String(number)}` });
      return 'x'.repeat(bytes);
    },
  },
  queries: { all: (db) => db.all('SELECT number FROM numbers').map(({ number }) => number) },
};

class Ear implements Watcher {
  readonly heard: unknown[] = [];
  topic = 'numbers';

  wants(topic: string): boolean {
    return topic === this.topic;
  }

  hear(changes: readonly unknown[]): void {
    this.heard.push(...changes);
  }
}

// eslint-disable-next-line max-params -- what, and who asks
const add = (store: Store, number: number, more: Partial<Entry> = {}, operation?: number): Promise<unknown> =>
  store.mutate({
    ...{ area: 'numbers', name: 'add', input: { number, ...more } },
    ...(operation !== undefined && { operation: { instance: 'users#1 a', epoch: 1, number: operation } }),
  });

test('changes are heard in the order of their commit, before whoever asked is answered', async () => {
  using folder = new StoreFolder();
  await using store = folder.open([numbers]);
  const ear = new Ear();
  await store.watch(ear);
  const answers = [3, 1, 2].map((number) => add(store, number).then(() => ear.heard.push('answered')));
  await Promise.all(answers);
  assert.deepEqual(ear.heard, [3, 1, 2, 'answered', 'answered', 'answered']);
});

test('what was undone is not heard, and what is repeated is heard once', async (context) => {
  using folder = new StoreFolder();
  await using store = folder.open([numbers]);
  setBound(context, 'storeAnswerBytes', 100);
  const ear = new Ear();
  await store.watch(ear);
  const answers = await Promise.allSettled([
    add(store, 1, {}, 1),
    add(store, 1, {}, 1),
    add(store, 2, { fails: true }),
    add(store, 3, { bytes: 200 }, 2),
    add(store, 4),
  ]);
  assert.deepEqual(
    answers.map(({ status }) => status),
    ['fulfilled', 'fulfilled', 'rejected', 'rejected', 'fulfilled'],
  );
  await add(store, 1, {}, 1);
  assert.deepEqual(ear.heard, [1, 4]);
  assert.deepEqual(store.query({ area: 'numbers', name: 'all' }), [1, 4]);
});

test('while nobody watches nothing can be noted, and of what nobody wants nothing is heard', async () => {
  using folder = new StoreFolder();
  await using store = folder.open([numbers]);
  noted.length = 0;
  await add(store, 1);
  const ear = new Ear();
  ear.topic = 'letters';
  await store.watch(ear);
  await add(store, 2);
  await store.watch(undefined);
  await add(store, 3);
  assert.deepEqual(noted, [false, true, false]);
  assert.deepEqual(ear.heard, []);
});

test('who begins to watch while a commit is being kept elsewhere waits until it is over', async () => {
  using folder = new StoreFolder();
  const kept: (() => void)[] = [];
  const keptBy: CommitKeeper = {
    keep: () =>
      new Promise((done) => {
        kept.push(done);
      }),
  };
  const { store: file, clock, log } = folder;
  await using store = openStore({ file, areas: [numbers], clock, log, keptBy });
  const ear = new Ear();
  const first = add(store, 1);
  await turns(2);
  let isWatching = false;
  const watching = store.watch(ear).then(() => (isWatching = true));
  const second = add(store, 2);
  await turns(2);
  const whileKept = [kept.length, isWatching];
  kept.shift()?.();
  await Promise.all([first, watching]);
  const readable = store.query({ area: 'numbers', name: 'all' });
  await turns(2);
  kept.shift()?.();
  await second;
  assert.deepEqual(whileKept, [1, false]);
  assert.deepEqual([readable, ear.heard], [[1], [2]], 'what was not heard can be read');
});
