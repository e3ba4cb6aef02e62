/** Stores that are kept in a real Redis and a real PostgreSQL, which die, lose, refuse and come back. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { Redis } from 'ioredis';
import { isTuttiError } from '../../../src/core/errors.ts';
import type { ChangeLog } from '../../../src/stores/change-log/change-log.ts';
import { makeChangeLog } from '../../../src/stores/change-log/open-change-log.ts';
import type { EngineServer } from './engine-servers.ts';
import { missing, startEngine, startRedis } from './engine-servers.ts';
import { setBound } from '../store-folder.ts';
import { KeptWorld, add, numbers, upTo } from './kept-world.ts';

const logOf = ({ engine, url }: EngineServer, name = `test-${randomUUID()}`): Promise<ChangeLog> =>
  makeChangeLog({ engine, url, name });

for (const engine of ['redis', 'postgres'] as const) {
  const skip = missing[engine];

  test(
    `${engine}: is killed and stopped under load; changes wait, go on by themselves, and none is lost or doubled`,
    { skip },
    async (context) => {
      await using world = new KeptWorld();
      await using server = await startEngine[engine]();
      const name = 'test';
      const opened = await world.openKept(await logOf(server, name));
      assert.equal(opened.report().ack, 'disk');
      let number = 0;
      let isOver = false;
      const acked: number[] = [];
      const producer = async (): Promise<void> => {
        while (!isOver) {
          const mine = (number += 1);
          await add(opened, mine);
          acked.push(mine);
        }
      };
      const producers = Array.from({ length: 8 }, producer);
      const pauses: number[] = [];
      for (const signal of ['SIGKILL', 'SIGINT', 'SIGKILL'] as const) {
        const before = acked.length;
        while (acked.length < before + 300) await new Promise(setImmediate);
        await server.stop(signal);
        const at = performance.now();
        await server.start();
        const there = acked.length;
        while (acked.length === there) await new Promise(setImmediate);
        pauses.push(Math.round(performance.now() - at));
      }
      isOver = true;
      await Promise.all(producers);
      assert.deepEqual(numbers(opened), upTo(number));
      assert.deepEqual(world.failures, []);
      await opened.close();
      const next = await world.openKept(await logOf(server, name), { seat: 'elsewhere' });
      assert.deepEqual(numbers(next), upTo(number));
      await next.close();
      context.diagnostic(
        `${String(number)} acknowledged; answers again ${pauses.join(', ')} ms after its start began`,
      );
    },
  );

  test(
    `${engine}: is not there when the store is opened, and that is said without its password`,
    { skip },
    async (context) => {
      setBound(context, 'storeOpenMs', 300);
      await using world = new KeptWorld();
      await using server = await startEngine[engine]();
      await server.stop('SIGINT');
      const url = server.url.replace(/\/\/(\w+@)?/, '//somebody:hunter2@');
      const opening = world.openKept(await makeChangeLog({ engine, url, name: 'test' }));
      await assert.rejects(opening, (error) => {
        assert.ok(isTuttiError(error, 'STORE_UNREACHABLE'), String(error));
        assert.match(error.message, /127\.0\.0\.1:\d+/);
        assert.doesNotMatch(`${error.message} ${JSON.stringify(error.data)} ${world.said.join()}`, /hunter2/);
        return true;
      });
    },
  );
}

const skip = missing.redis;

test(
  'redis: what it acknowledges is read from its settings, and refused when it is not enough',
  { skip },
  async () => {
    await using world = new KeptWorld();
    await using server = await startRedis({ appendonly: 'no' });
    await assert.rejects(
      world.openKept(await logOf(server), { requireAck: 'disk' }),
      /of class disk, and that of Redis [\d.]+ at 127\.0\.0\.1:\d+ is of class memory \(appendonly is off\)/,
    );
    const opened = await world.openKept(await logOf(server));
    assert.equal(opened.report().ack, 'memory');
    await opened.close();
  },
);

test('redis: that has lost everything gets it back from the owner', { skip }, async () => {
  await using world = new KeptWorld();
  await using server = await startRedis({ appendonly: 'no' });
  const opened = await world.openKept(await logOf(server, 'test'));
  await Promise.all(upTo(100).map((number) => add(opened, number)));
  await server.stop('SIGKILL');
  await server.start();
  await add(opened, 101);
  await opened.close();
  const next = await world.openKept(await logOf(server, 'test'), { seat: 'elsewhere' });
  assert.deepEqual(numbers(next), upTo(101));
  await next.close();
});

test(
  'redis: without memory for more is a full store, which can be read, and works again when there is room',
  { skip },
  async () => {
    await using world = new KeptWorld();
    await using server = await startRedis();
    const opened = await world.openKept(await logOf(server, 'test'));
    await add(opened, 1);
    const admin = new Redis(server.url);
    await admin.config('SET', 'maxmemory', '1');
    await assert.rejects(add(opened, 2), (error) => isTuttiError(error, 'STORE_FULL'));
    assert.deepEqual(numbers(opened), [1]);
    await admin.config('SET', 'maxmemory', '0');
    await add(opened, 3);
    assert.deepEqual(numbers(opened), [1, 3]);
    admin.disconnect();
    await opened.close();
  },
);
