/** What every driver of the state store must do. A driver's own test calls `checkStateStore` with a way to open one on a clock that it moves. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ErrorCode } from '../core/errors.ts';
import { isTuttiError } from '../core/errors.ts';
import type { StateStore } from '../stores/state/state-store.ts';

export interface OpenStateStore {
  readonly store: StateStore;
  /** Moves its clock on. */
  readonly advance: (ms: number) => void;
  close(): Promise<void> | void;
}

type Open = () => OpenStateStore | Promise<OpenStateStore>;
type Use = (opened: OpenStateStore) => Promise<void>;

const refused = (run: () => Promise<unknown>, code: ErrorCode): Promise<void> =>
  assert.rejects(run, (error) => isTuttiError(error, code));

export function checkStateStore(name: string, open: Open): void {
  const check = (title: string, use: Use): void => {
    test(`${name}: ${title}`, async () => {
      const opened = await open();
      try {
        await use(opened);
      } finally {
        await opened.close();
      }
    });
  };
  checkValues(check);
  checkVersions(check);
  checkExpiry(check);
  checkLists(check);
}

type Check = (title: string, use: Use) => void;

const hostileKeys = [
  '__proto__',
  'constructor',
  '../x',
  'a/b',
  '.',
  'a\0b',
  'a\nb',
  '\u202e',
  '😀',
  'ÿ',
  "'; --",
];

function checkValues(check: Check): void {
  check('what was put is there, as JSON gives it back', async ({ store }) => {
    const values = [0, -1.5, '', 'a\0b', '\ud800', null, false, [], [1, [2]], { a: { b: 1 } }, 'é😀'];
    for (const value of values) {
      await store.put('key', value);
      assert.deepEqual((await store.get('key'))?.value, JSON.parse(JSON.stringify(value)));
    }
    assert.equal(await store.get('other'), undefined);
  });

  check('a key is a text and nothing more (N-53)', async ({ store }) => {
    for (const key of hostileKeys) await store.put(key, key);
    for (const key of hostileKeys) assert.equal((await store.get(key))?.value, key);
    assert.equal((await store.list('', { limit: 1_000 })).entries.length, hostileKeys.length);
    for (const key of hostileKeys) assert.equal(await store.delete(key), true);
    assert.deepEqual((await store.list('')).entries, []);
  });

  check(
    'what is no key, no value or no option is refused, and nothing is changed (N-52)',
    async ({ store }) => {
      for (const key of ['', '\ud800', 'k'.repeat(1_025), 'é'.repeat(513)])
        await refused(() => store.put(key, 1), 'INVALID_INPUT');
      for (const value of [undefined, 1n, () => 1])
        await refused(() => store.put('a', value), 'INVALID_INPUT');
      await refused(() => store.put('a', 'x'.repeat(1_048_576)), 'PAYLOAD_TOO_LARGE');
      for (const wrong of [0, -1, 1.5, NaN, Infinity, 2 ** 53]) {
        await refused(() => store.put('a', 1, { ttlMs: wrong }), 'INVALID_INPUT');
        await refused(() => store.put('a', 1, { ifVersion: wrong }), 'INVALID_INPUT');
        await refused(() => store.delete('a', { ifVersion: wrong }), 'INVALID_INPUT');
        await refused(() => store.list('', { limit: wrong }), 'INVALID_INPUT');
      }
      await refused(() => store.put('a', 1, { ifAbsent: true, ifVersion: 1 }), 'INVALID_INPUT');
      assert.equal(await store.get('a'), undefined);
      await store.put('k'.repeat(1_024), 'x'.repeat(1_048_574));
    },
  );
}

function checkVersions(check: Check): void {
  check('a version never comes again, not even after a delete', async ({ store }) => {
    const first = await store.put('a', 1);
    const second = await store.put('a', 2);
    assert.equal(await store.delete('a'), true);
    assert.equal(await store.delete('a'), false);
    const third = await store.put('a', 3);
    const versions = [first, second, third].map(({ entry }) => entry?.version ?? 0);
    assert.deepEqual(
      versions,
      [...new Set(versions)].toSorted((left, right) => left - right),
    );
  });

  check('over another version nothing is put and nothing deleted', async ({ store }) => {
    const { entry } = await store.put('a', 1);
    const version = entry?.version ?? 0;
    const taken = await store.put('a', 2, { ifVersion: version });
    assert.equal(taken.stored, true);
    assert.deepEqual(await store.put('a', 3, { ifVersion: version }), { stored: false, entry: taken.entry });
    assert.deepEqual(await store.put('b', 3, { ifVersion: version }), { stored: false, entry: undefined });
    assert.equal(await store.delete('a', { ifVersion: version }), false);
    assert.deepEqual(await store.get('a'), taken.entry);
    assert.equal(await store.delete('a', { ifVersion: taken.entry?.version ?? 0 }), true);
  });

  check('of fifty who put where there is nothing one does, and all see what it put', async ({ store }) => {
    const asked = Array.from({ length: 50 }, (_none, who) => store.put('a', who, { ifAbsent: true }));
    const results = await Promise.all(asked);
    assert.equal(results.filter(({ stored }) => stored).length, 1);
    assert.deepEqual([...new Set(results.map(({ entry }) => entry?.value))], [0]);
  });
}

function checkExpiry(check: Check): void {
  check('a value is there until its time is over, and then it is absent for everybody', async (opened) => {
    const { store, advance } = opened;
    await store.put('a', 1, { ttlMs: 1_000 });
    await store.put('stays', 1);
    advance(999);
    assert.equal((await store.get('a'))?.value, 1);
    advance(1);
    assert.equal(await store.get('a'), undefined);
    assert.deepEqual(
      (await store.list('')).entries.map(({ key }) => key),
      ['stays'],
    );
    assert.equal(await store.delete('a'), false);
    assert.equal((await store.put('a', 2, { ifAbsent: true })).stored, true);
  });

  check('a put anew gives it a new end, or none', async ({ store, advance }) => {
    await store.put('a', 1, { ttlMs: 1_000 });
    await store.put('b', 1, { ttlMs: 1_000 });
    advance(500);
    await store.put('a', 2, { ttlMs: 1_000 });
    await store.put('b', 2);
    advance(999);
    assert.equal((await store.get('a'))?.value, 2);
    advance(1);
    assert.equal(await store.get('a'), undefined);
    assert.equal((await store.get('b'))?.expiresAt, undefined);
  });
}

function checkLists(check: Check): void {
  check('a list is in the order of the bytes, and of that prefix only', async ({ store }) => {
    const keys = ['a', 'a\u{10ffff}', 'a\u{10ffff}z', 'a\uffff', 'a😀', 'aé', 'a/1', 'a/10', 'a/2', 'b', '`'];
    for (const key of keys) await store.put(key, key);
    const sorted = keys.toSorted((left, right) => Buffer.compare(Buffer.from(left), Buffer.from(right)));
    for (const prefix of ['', 'a', 'a/', 'a/1', 'a\u{10ffff}', 'zz']) {
      const found = (await store.list(prefix)).entries.map(({ key }) => key);
      assert.deepEqual(
        found,
        sorted.filter((key) => key.startsWith(prefix)),
      );
    }
  });

  check('page by page everything comes once, whatever is put meanwhile', async ({ store }) => {
    const keys = Array.from({ length: 25 }, (_none, index) => `k${String(index).padStart(2, '0')}`);
    await Promise.all(keys.map((key) => store.put(key, key)));
    const seen: string[] = [];
    let after: string | undefined;
    do {
      const page = await store.list('k', { limit: 5, ...(after === undefined ? {} : { after }) });
      seen.push(...page.entries.map(({ key }) => key));
      after = page.next;
      await store.put(`k00-${String(seen.length)}`, 'behind the first');
    } while (after !== undefined);
    assert.deepEqual(seen, keys);
  });
}
