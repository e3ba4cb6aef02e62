import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { z } from 'zod';
import { defineService, remote } from '../../src/define/service.ts';
import { memoryTransport } from '../../src/mesh/transport/memory.ts';
import { anId, HostWorld } from './host-world.ts';

const users = defineService({
  name: 'users',
  actions: (action) => ({
    get: action({ input: anId, run: ({ input }) => ({ id: input.id, name: 'ann' }) }),
  }),
});

test('open receives the config as its schema reads it, and handlers what open gave', async () => {
  await using world = new HostWorld();
  const service = defineService({
    name: 'sized',
    config: z.object({ size: z.coerce.number().default(3) }),
    open: ({ config }) => Promise.resolve({ double: config.size * 2 }),
    actions: (action) => ({ get: action({ run: ({ parts }) => parts.double }) }),
  });
  await world.host(service, { config: { size: '4' } });
  assert.equal(await world.caller().call('sized', 'get', {}), 8);
});

test('a config that does not fit is refused with its paths, and nothing was opened', async () => {
  await using world = new HostWorld();
  let isOpened = false;
  const service = defineService({
    name: 'sized',
    config: z.object({ size: z.number(), name: z.string() }),
    open() {
      isOpened = true;
      return {};
    },
    actions: () => ({}),
  });
  await assert.rejects(world.host(service, { config: { size: 'x' } }), {
    code: 'CONFIG_INVALID',
    message: /^config\.size: .*\nconfig\.name: /,
  });
  assert.equal(isOpened, false);
});

test('an open that throws is the reason why the host does not start', async () => {
  await using world = new HostWorld();
  const service = defineService({
    name: 'x',
    open: () => Promise.reject(new Error('no database')),
    actions: () => ({}),
  });
  await assert.rejects(world.host(service), { message: 'no database' });
});

test('where it cannot listen, what open made is closed again', async () => {
  await using world = new HostWorld();
  let closed = 0;
  const service = defineService({
    name: 'x',
    open: () => ({ db: 1 }),
    actions: () => ({}),
    close({ parts }) {
      closed += parts.db;
    },
  });
  const transport = { ...memoryTransport(), listen: () => Promise.reject(new Error('no such folder')) };
  await assert.rejects(world.host(service, { transport }), { message: 'no such folder' });
  assert.equal(closed, 1);
});

test('a service calls what it needs by a typed client, and the request id goes along', async () => {
  await using world = new HostWorld();
  const orders = defineService({
    name: 'orders',
    needs: { people: remote<typeof users>('users') },
    actions: (action) => ({
      create: action({ run: async ({ calls }) => (await calls.people.get({ id: 7 })).name }),
    }),
  });
  await world.host(users);
  await world.host(orders);
  assert.equal(await world.caller().call('orders', 'create', {}), 'ann');
});

test('a client is no promise, and printing it calls nobody', async () => {
  await using world = new HostWorld();
  let client: unknown;
  const orders = defineService({
    name: 'orders',
    needs: { users: remote<typeof users>('users') },
    open({ calls }) {
      client = calls.users;
      return {};
    },
    actions: () => ({}),
  });
  const served = await world.host(users);
  await world.host(orders);
  assert.equal(await client, client);
  assert.equal(JSON.stringify({ client }), '{"client":{}}');
  assert.equal(String(client), '[object Object]');
  assert.equal(inspect(client), '{}');
  // A floating call would reject as UNKNOWN_ACTION and end the process.
  assert.equal(served.responder.stats().requests, 0);
});

test('check is the service’s own word: false is false, silence is yes, a throw is thrown', async () => {
  await using world = new HostWorld();
  const checked = (name: string, check?: () => boolean | Promise<boolean>) =>
    world.host(defineService({ name, actions: () => ({}), ...(check === undefined ? {} : { check }) }));
  assert.equal(await (await checked('a')).check(), true);
  assert.equal(await (await checked('b', () => false)).check(), false);
  assert.equal(await (await checked('c', () => Promise.resolve(true))).check(), true);
  const throwing = await checked('d', () => {
    throw new Error('no');
  });
  await assert.rejects(throwing.check(), { message: 'no' });
});

for (const [how, close] of [
  [
    'throws',
    () => {
      throw new Error('stuck');
    },
  ],
  ['rejects', () => Promise.reject(new Error('stuck'))],
] as const) {
  test(`a close that ${how} is told, is called once, and the connections are closed all the same`, async () => {
    await using world = new HostWorld();
    let closed = 0;
    const service = defineService({
      name: 'x',
      actions: (action) => ({ get: action({ run: () => 1 }) }),
      close() {
        closed += 1;
        return close();
      },
    });
    const host = await world.host(service);
    await Promise.all([host.close(), host.close()]);
    await host.close();
    assert.equal(closed, 1);
    assert.match(String(world.said[0]?.fields['error']), /stuck/);
    world.mesh.unlist({ service: 'x', slot: 1 });
    await assert.rejects(world.caller().call('x', 'get', {}), { code: 'NO_INSTANCE' });
  });
}

test('a drain takes nothing new and waits for what is in hand', async () => {
  await using world = new HostWorld();
  const entered = Promise.withResolvers<undefined>();
  const leave = Promise.withResolvers<undefined>();
  const service = defineService({
    name: 'slow',
    actions: (action) => ({
      wait: action({
        run: async () => {
          entered.resolve(undefined);
          await leave.promise;
          return 'done';
        },
      }),
    }),
  });
  const host = await world.host(service);
  const call = world.caller().call('slow', 'wait', {});
  await entered.promise;
  const drained = host.drain(new AbortController().signal);
  leave.resolve(undefined);
  assert.equal(await drained, true);
  assert.equal(await call, 'done');
});
