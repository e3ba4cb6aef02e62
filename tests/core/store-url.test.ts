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

const servers: readonly [url: string, engine: string | undefined][] = [
  ['redis://localhost', 'redis'],
  ['redis://:secret@127.0.0.1:6380/3', 'redis'],
  ['rediss://user:secret@cache.internal', 'redis'],
  ['redis://[::1]:6379', 'redis'],
  ['postgres://user:secret@host/db', 'postgres'],
  ['postgresql://host:5433/db?sslmode=require', 'postgres'],
  ['redis:', undefined],
  ['redis:localhost', undefined],
  ['redis://', undefined],
  ['redis:///0', undefined],
  ['redis://a b', undefined],
  ['postgres://host:port/db', undefined],
  ['mysql://user:secret@host/db', undefined],
  ['Redis://localhost', undefined],
  ['constructor://localhost', undefined],
];
for (const [url, engine] of servers)
  test(`${url.replace('secret', '…')} is ${engine ?? 'refused, and not shown'}`, () => {
    const read = readStoreUrl(url);
    if (engine !== undefined) assert.deepEqual(read, { engine, url });
    else assert.ok(typeof read === 'string' && !read.includes('secret') && !read.includes('localhost'));
  });
