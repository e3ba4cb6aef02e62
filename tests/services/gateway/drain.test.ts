/** What a gateway that stops owes to the clients it has: no answer is cut, no connection that may still be used is closed. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { bounds } from '../../../src/core/bounds.ts';
import { defineService } from '../../../src/define/service.ts';
import { until } from '../../mesh/mesh-world.ts';
import { GatewayWorld, statusIn } from './gateway-world.ts';

/** Longer than a stop waits for what is idle where no other gateway goes on. */
const beyondLingerMs = 350;
const get = (path: string, more = ''): string => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n${more}\r\n`;
const statusesIn = (heard: string): number[] =>
  [...heard.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));

class Client implements Disposable {
  readonly socket: Socket;
  readonly closed: Promise<unknown>;
  heard = '';
  /** Why it closed, where it was not in order. */
  problem: string | undefined;

  constructor(world: GatewayWorld) {
    this.socket = connect(world.gateway.port, '127.0.0.1');
    this.socket.on('data', (chunk: Buffer) => (this.heard += chunk.toString('latin1')));
    this.socket.on('error', (error: NodeJS.ErrnoException) => (this.problem = error.code));
    this.closed = new Promise((resolve) => this.socket.once('close', resolve));
  }

  write(text: string): void {
    this.socket.write(text);
  }

  async ask(path: string): Promise<void> {
    this.heard = '';
    this.write(get(path));
    await until(() => this.heard.includes('\r\n\r\n'));
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }
}

/** As the supervisor stops it. */
const stop = async ({ gateway }: GatewayWorld): Promise<void> => {
  await gateway.drain();
  await gateway.close();
};

const inFlight = (world: GatewayWorld): number | undefined =>
  world.gateway.metrics().find(({ name }) => name === 'tutti_http_requests_in_flight')?.samples[0]?.value;

function withOthers(world: GatewayWorld, slots: readonly number[]): void {
  const service = 'gateway:public';
  const instances = slots.map((slot) => ({ service, slot, epoch: 1, address: `public-${String(slot)}` }));
  const { revision } = world.mesh.registry;
  const services = Object.fromEntries(world.mesh.registry.services());
  world.mesh.registry.replace({
    revision: revision + 1,
    services: { ...services, [service]: { instances, events: {} } },
  });
}

test('a head that has begun to come is waited for', async () => {
  await using world = await GatewayWorld.start();
  using client = new Client(world);
  await client.ask('/things/7');
  client.heard = '';
  client.write('GET /things/8 HTTP/1.1\r\n');
  const stopped = stop(world);
  await pause(beyondLingerMs);
  client.write('Host: localhost\r\n\r\n');
  await stopped;
  await client.closed;
  assert.equal(statusIn(client.heard), 200);
  assert.match(client.heard, /connection: close/i);
});

test('an answer whose reader is slow is not cut', async () => {
  await using world = await GatewayWorld.start();
  const text = 'x'.repeat(14_000_000);
  await world.serveToo(
    defineService({
      name: 'big',
      actions: (action) => ({ big: action({ http: 'GET /big', run: () => ({ text }) }) }),
    }),
  );
  using client = new Client(world);
  client.write(get('/big'));
  await once(client.socket, 'data');
  client.socket.pause();
  const stopped = stop(world);
  // Longer than a client may go on after its last answer, too.
  await pause(beyondLingerMs + bounds.httpLingerMs + 250);
  client.socket.resume();
  await stopped;
  await client.closed;
  assert.ok(client.heard.length > text.length, `${String(client.heard.length)} bytes`);
});

test('requests in a row that came before the stop are all answered, and the last answer alone says that it is the last', async () => {
  await using world = await GatewayWorld.start();
  using client = new Client(world);
  client.write(get('/wait', 'request-timeout: 0.4\r\n') + get('/things/1') + get('/things/2'));
  await until(() => inFlight(world) === 3);
  await stop(world);
  await client.closed;
  assert.deepEqual(statusesIn(client.heard), [504, 200, 200]);
  assert.deepEqual(client.heard.toLowerCase().match(/connection: \S+/g), [
    'connection: keep-alive',
    'connection: keep-alive',
    'connection: close',
  ]);
});

test('what is sent behind the last answer does not reset it away, and is not done', async () => {
  await using world = await GatewayWorld.start();
  let done = 0;
  // Fits into what the kernel keeps for it: to the gateway it has left, to its reader it has not come.
  const text = 'x'.repeat(2_000_000);
  const asked = Promise.withResolvers<undefined>();
  const released = Promise.withResolvers<undefined>();
  await world.serveToo(
    defineService({
      name: 'pay',
      actions: (action) => ({
        pay: action({ http: 'GET /pay', run: () => ({ done: (done += 1) }) }),
        big: action({
          http: 'GET /big',
          run: async () => {
            asked.resolve(undefined);
            await released.promise;
            return { text };
          },
        }),
      }),
    }),
  );
  using client = new Client(world);
  client.socket.pause();
  client.write(get('/big'));
  await asked.promise;
  const stopped = stop(world);
  released.resolve(undefined);
  await until(() => inFlight(world) === 0);
  client.write(get('/pay').repeat(3));
  await pause(50);
  client.socket.resume();
  await stopped;
  await client.closed;
  assert.equal(done, 0);
  assert.ok(
    client.heard.length > text.length,
    `${String(client.heard.length)} bytes, ${String(client.problem)}`,
  );
  assert.deepEqual(statusesIn(client.heard), [200]);
});

test('an answer to a body that is refused arrives though the body goes on', async () => {
  await using world = await GatewayWorld.start();
  using client = new Client(world);
  const bytes = 3_000_000;
  client.write(
    `POST /nothing HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${String(bytes)}\r\n\r\n${'x'.repeat(bytes)}`,
  );
  await client.closed;
  assert.deepEqual([statusIn(client.heard), client.problem], [404, undefined]);
});

test('where another gateway goes on, an idle connection is kept for as long as its client may use it', async () => {
  await using world = await GatewayWorld.start({ limits: { keepAliveMs: 900 } });
  withOthers(world, [1, 2]);
  using late = new Client(world);
  using idle = new Client(world);
  using silent = new Client(world);
  await Promise.all([late.ask('/things/7'), idle.ask('/things/7'), once(silent.socket, 'connect')]);
  assert.match(late.heard, /keep-alive: timeout=/i);
  const began = performance.now();
  const stopped = stop(world);
  await pause(beyondLingerMs);
  await Promise.all([late.ask('/things/8'), silent.ask('/things/9')]);
  for (const { heard } of [late, silent]) {
    assert.equal(statusIn(heard), 200);
    assert.match(heard, /connection: close/i);
  }
  await stopped;
  const tookMs = performance.now() - began;
  assert.ok(tookMs >= 850, `the idle one was kept for ${tookMs.toFixed(0)} ms`);
  await idle.closed;
  assert.equal(idle.problem, undefined);
});

test('where the others stop too, it no longer waits for what is idle', async () => {
  await using world = await GatewayWorld.start({ limits: { keepAliveMs: 60_000 } });
  withOthers(world, [1, 2]);
  using idle = new Client(world);
  await idle.ask('/things/7');
  const stopped = stop(world);
  await pause(beyondLingerMs);
  assert.equal(idle.socket.readableEnded, false);
  withOthers(world, [1]);
  const began = performance.now();
  await stopped;
  await idle.closed;
  assert.ok(performance.now() - began < 20_000);
});

test('a client that does not close its side is cut when its time is over', async () => {
  await using world = await GatewayWorld.start();
  const socket = connect({ port: world.gateway.port, host: '127.0.0.1', allowHalfOpen: true });
  socket.on('error', () => undefined).resume();
  socket.write(get('/things/7'));
  await once(socket, 'data');
  const began = performance.now();
  await world.gateway.drain();
  const tookMs = performance.now() - began;
  socket.destroy();
  assert.ok(tookMs > bounds.httpLingerMs && tookMs < 5 * bounds.httpLingerMs, `${tookMs.toFixed(0)} ms`);
});
