/** The stores on both databases, with several processes where it matters. PostgreSQL: when one answers on 127.0.0.1:5432. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, suite, test } from 'node:test';
import { promisify } from 'node:util';
import type { SchemaModule } from 'kysely';
import pg from 'pg';
import { openDatabase } from './open-database.ts';
import { NotificationStore } from './notification-store.ts';
import { OrderStore } from './order-store.ts';
import { UserStore } from './user-store.ts';

const log = { warn: () => undefined };
const folder = await mkdtemp(join(tmpdir(), 'shop-database-'));
after(() => rm(folder, { recursive: true }));

const server = 'postgres://postgres@127.0.0.1:5432';
const ownDatabase = `shop_test_${String(process.pid)}`;

/** Undefined when no server answers. */
async function connect(database: string): Promise<pg.Client | undefined> {
  const client = new pg.Client({ connectionString: `${server}/${database}`, connectionTimeoutMillis: 2_000 });
  return client.connect().then(
    () => client,
    () => undefined,
  );
}

async function makePostgresDatabase(): Promise<string | undefined> {
  const client = await connect('postgres');
  if (client === undefined) return undefined;
  await client.query(`create database ${ownDatabase}`);
  after(async () => {
    await client.query(`drop database ${ownDatabase} with (force)`);
    await client.end();
  });
  return `${server}/${ownDatabase}`;
}

const noPostgres =
  'no PostgreSQL on 127.0.0.1:5432; to have these run: docker run -p 5432:5432 -e POSTGRES_HOST_AUTH_METHOD=trust postgres';
const postgres = await makePostgresDatabase();
const drivers = [
  { name: 'SQLite', urlOf: (file: string) => `sqlite:${join(folder, file)}`, skip: false },
  { name: 'PostgreSQL', urlOf: () => postgres ?? '', skip: postgres === undefined && noPostgres },
];

const inProcess = promisify(execFile);
/** Opens the store of a new database and orders under one key, in a process of its own. Gives the id of the order. */
async function orderElsewhere(url: string, key: string): Promise<number> {
  const code = `
    import { OrderStore } from ${JSON.stringify(import.meta.resolve('./order-store.ts'))};
    const [url, key] = process.argv.slice(1);
    const store = await OrderStore.open(url, console);
    const stored = await store.insert({ user_id: 1, product: 'tea', quantity: 2 }, key);
    console.log((stored ?? (await store.findByKey(key))).id);
    await store.close();`;
  const { stdout } = await inProcess(process.execPath, ['--input-type=module', '-e', code, url, key]);
  return Number(stdout);
}

for (const { name, urlOf, skip } of drivers)
  suite(`on ${name}`, { skip }, () => {
    test('replicas that start at once on a new database place one order under one key', async () => {
      const url = urlOf('replicas.db');
      const ids = await Promise.all(Array.from({ length: 4 }, () => orderElsewhere(url, 'same')));
      assert.equal(new Set(ids).size, 1);
      const store = await OrderStore.open(url, log);
      assert.equal((await store.list({ after: 0, limit: 10 })).length, 1);
      await store.close();
    });

    test('a second user with the same name or e-mail is refused, and it is said which', async () => {
      const store = await UserStore.open(urlOf('users.db'), log);
      const ann = { username: 'ann', email: 'ann@example.com' };
      const stored = await store.insert(ann);
      assert.deepEqual({ ...(stored as object) }, { id: 1, ...ann });
      assert.equal(await store.insert({ ...ann, email: 'other@example.com' }), 'username taken');
      assert.equal(await store.insert({ ...ann, username: 'other' }), 'email taken');
      assert.equal(await store.insert(ann), 'username taken');
      assert.equal(await store.find(99), undefined);
      await store.close();
    });

    test('what was stored is there after it was closed and opened again', async () => {
      const url = urlOf('again.db');
      const first = await OrderStore.open(url, log);
      const order = await first.insert({ user_id: 1, product: 'tea', quantity: 2 ** 53 - 1 }, undefined);
      await first.close();
      const second = await OrderStore.open(url, log);
      assert.deepEqual(await second.find(order?.id ?? 0), order);
      await second.close();
    });

    test('what an event tells is told once, and what no event tells each time', async () => {
      const store = await NotificationStore.open(urlOf('notifications.db'), log);
      const hello = { user_id: 1, message: 'Hello', type: 'sms' } as const;
      const told = [];
      for (const event of ['e1', 'e1', 'e2', undefined, undefined])
        told.push(await store.insert(hello, event));
      assert.deepEqual(told, [true, false, true, true, true]);
      await store.close();
    });
  });

test('a database without WAL is refused, with what was found', async () => {
  const needs = { url: 'sqlite::memory:', schema: 'any', migrations: {}, log };
  await assert.rejects(openDatabase(needs), { code: 'CONFIG_INVALID', message: /journal_mode is memory/ });
});

test('a migration that fails leaves nothing behind and is tried again', async () => {
  const url = `sqlite:${join(folder, 'failing.db')}`;
  let isFixed = false;
  const migrations = {
    '001 halves': async (schema: SchemaModule) => {
      await schema.createTable('half').addColumn('id', 'integer').execute();
      if (!isFixed) throw new Error('broken step');
    },
  };
  const needs = { url, schema: 'any', migrations, log };
  await assert.rejects(openDatabase(needs), /broken step/);
  isFixed = true;
  await (await openDatabase(needs)).destroy();
});

test('a file that another process keeps locked is waited for, then the call fails as one that may be repeated', async () => {
  const file = join(folder, 'busy.db');
  const store = await UserStore.open(`sqlite:${file}`, log);
  const other = new DatabaseSync(file);
  other.exec('BEGIN IMMEDIATE');
  const user = { username: 'ann', email: 'ann@example.com' };
  await assert.rejects(store.insert(user), { code: 'OVERLOADED', retryable: true });
  other.exec('ROLLBACK');
  assert.notEqual(await store.insert(user), undefined);
  other.close();
  await store.close();
});
