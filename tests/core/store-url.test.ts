import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readStoreUrl } from '../../src/core/store-url.ts';

const cases: [url: string, path: string | undefined][] = [
  ['sqlite:', ''],
  ['sqlite:data/app.db', 'data/app.db'],
  ['sqlite:./app.db', './app.db'],
  ['sqlite:/var/lib/app.db', '/var/lib/app.db'],
  ['', undefined],
  ['app.db', undefined],
  ['redis://localhost', undefined],
  ['postgres://user:secret@host/db', undefined],
  ['sqlite://data/app.db', undefined],
  ['sqlite:data/', undefined],
  ['sqlite:..', undefined],
  ['sqlite:app.db?mode=memory', undefined],
  ['sqlite:app.db#1', undefined],
  ['sqlite:a\nb', undefined],
  ['sqlite:a\0b', undefined],
];
for (const [url, path] of cases)
  test(`${JSON.stringify(url)} is ${path === undefined ? 'refused' : 'a store'}`, () => {
    const read = readStoreUrl(url);
    if (path !== undefined) {
      assert.deepEqual(read, { engine: 'sqlite', path });
      return;
    }
    assert.ok(typeof read === 'string');
    assert.match(read, /"sqlite:/);
    assert.doesNotMatch(read, /secret/);
  });
