/** Connections: those that are slow, too many, in a row, or there when the gateway stops. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import { setImmediate as aTurn } from 'node:timers/promises';
import { bounds } from '../../../src/core/bounds.ts';
import { gatewayOptions } from '../../../src/define/options.ts';
import { httpLimits } from '../../../src/services/gateway/server.ts';
import { until } from '../../mesh/mesh-world.ts';
import { GatewayWorld, statusIn } from './gateway-world.ts';

const inFlight = (world: GatewayWorld): number | undefined =>
  world.gateway.metrics().find(({ name }) => name === 'tutti_http_requests_in_flight')?.samples[0]?.value;

const quick = { headersMs: 100, requestMs: 200, keepAliveMs: 100, checkMs: 20 };

test('the limits are those of the security page', () => {
  const { headersMs, requestMs, keepAliveMs, checkMs, headBytes } = httpLimits;
  assert.deepEqual(
    { headersMs, requestMs, keepAliveMs, checkMs, headBytes },
    {
      headersMs: 5_000,
      requestMs: 30_000,
      keepAliveMs: 5_000,
      checkMs: 1_000,
      headBytes: 16_384,
    },
  );
  assert.equal(gatewayOptions.maxConnections.default, bounds.httpConnections);
});

test('N-73 a head that does not end is 408 and closed', async () => {
  await using world = await GatewayWorld.start({ limits: quick });
  const answer = await world.raw('GET /things/7 HTTP/1.1\r\nHost: localhost\r\n');
  assert.equal(statusIn(answer), 408);
  assert.match(answer, /"code":"REQUEST_TIMED_OUT"/);
});

test('N-73 a body that does not come is 408 and closed', async () => {
  await using world = await GatewayWorld.start({ limits: quick });
  const answer = await world.raw(
    'POST /things HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n{',
  );
  assert.equal(statusIn(answer), 408);
  assert.equal(answer.match(/HTTP\/1\.1 /g)?.length, 1);
});

test('N-73 an idle connection is closed', async () => {
  await using world = await GatewayWorld.start({ limits: quick });
  const answer = await world.raw('GET /things/7 HTTP/1.1\r\nHost: localhost\r\n\r\n');
  assert.equal(statusIn(answer), 200);
});

test('a connection over the cap is closed and counted, the others are served', async () => {
  await using world = await GatewayWorld.start({ config: { maxConnections: 2 } });
  const held: Socket[] = [];
  for (let at = 0; at < 2; at += 1) {
    const socket = connect(world.gateway.port, '127.0.0.1');
    socket.write('GET /things/7 HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await once(socket, 'data');
    held.push(socket);
  }
  assert.equal(await world.raw('GET /things/7 HTTP/1.1\r\nHost: localhost\r\n\r\n'), '');
  const dropped = world.gateway.metrics().find(({ name }) => name === 'tutti_http_connections_dropped_total');
  assert.equal(dropped?.samples[0]?.value, 1);
  const [first] = held;
  assert.ok(first !== undefined);
  first.write('GET /things/8 HTTP/1.1\r\nHost: localhost\r\n\r\n');
  const [chunk] = (await once(first, 'data')) as [Buffer];
  assert.equal(statusIn(chunk.toString()), 200);
  for (const socket of held) socket.destroy();
});

test('requests in a row on one connection are answered in their order', async () => {
  await using world = await GatewayWorld.start();
  const one = (id: number, more = ''): string =>
    `GET /things/${String(id)} HTTP/1.1\r\nHost: localhost\r\n${more}\r\n`;
  const answer = await world.raw(one(1) + one(2) + one(3, 'Connection: close\r\n'));
  assert.deepEqual(answer.match(/\{"id":\d\}/g), ['{"id":1}', '{"id":2}', '{"id":3}']);
});

test('what is wrong behind a request in flight is never taken for its answer', async () => {
  await using world = await GatewayWorld.start();
  const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`;
  assert.equal(await world.raw(`${get('/wait')}noise\r\n\r\n`), '');
  assert.equal(await world.raw(`${get('/wait')}${get('/nothing')}noise\r\n\r\n`), '');
});

interface Answer {
  readonly status: number | undefined;
  readonly connection: string | undefined;
}

function through(agent: Agent, port: number, path: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    request({ agent, port, host: '127.0.0.1', path }, (response) => {
      response.resume().once('end', () => {
        resolve({ status: response.statusCode, connection: response.headers.connection });
      });
    })
      .once('error', reject)
      .end();
  });
}

test('a drain loses no request of clients that keep their connections busy', async () => {
  await using world = await GatewayWorld.start();
  const agent = new Agent({ keepAlive: true, maxSockets: 8 });
  const { port } = world.gateway;
  let drained = false;
  let answered = 0;
  const busy = async (): Promise<void> => {
    // Each goes on until its connection was told to close: after that it would have to connect anew.
    for (;;) {
      const { status, connection } = await through(agent, port, '/things/7');
      assert.equal(status, 200);
      answered += 1;
      if (connection === 'close') return;
      assert.ok(!drained);
    }
  };
  const clients = Array.from({ length: 8 }, busy);
  await until(() => answered >= 50);
  await Promise.all([world.gateway.drain(), ...clients]);
  drained = true;
  await assert.rejects(world.fetch('/things/7'));
  agent.destroy();
});

test('a drain closes no connection on which a request has come that a starved process has not read', async () => {
  let written = 0;
  // In which turn the idle are closed is not ours to know: the request comes in another one each time.
  for (let turn = 8; turn < 18; turn += 1) {
    await using world = await GatewayWorld.start();
    const socket = connect(world.gateway.port, '127.0.0.1').on('error', () => undefined);
    let heard = '';
    socket.on('data', (chunk: Buffer) => (heard += chunk.toString()));
    const ask = (): boolean => socket.write('GET /things/7 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');
    ask();
    await until(() => heard.includes('}'));
    heard = '';
    const drain = { isOver: false };
    const drained = world.gateway.drain().then(() => (drain.isOver = true));
    for (let now = 0; now <= turn; now += 1) {
      await aTurn();
      if (drain.isOver) break;
      const asks = now === turn;
      if (asks) ask();
      const began = performance.now();
      while (performance.now() - began < 40);
      if (!asks) continue;
      written += 1;
      await drained;
      await until(() => socket.destroyed || socket.readableEnded);
      assert.match(heard, /^HTTP\/1.1 200 /, `asked in turn ${String(turn)}`);
    }
    socket.destroy();
  }
  assert.ok(written > 0);
});

test('a drain waits for a request in flight and closes what is idle', async () => {
  await using world = await GatewayWorld.start();
  const agent = new Agent({ keepAlive: true });
  const { port } = world.gateway;
  await Promise.all([through(agent, port, '/things/7'), through(agent, port, '/things/7')]);
  const slow = world.raw('GET /wait HTTP/1.1\r\nHost: localhost\r\nrequest-timeout: 0.5\r\n\r\n');
  await until(() => inFlight(world) === 1);
  await world.gateway.drain();
  const answer = await slow;
  assert.equal(statusIn(answer), 504);
  assert.match(answer, /connection: close/i);
  agent.destroy();
});

test('closing twice is harmless, and closing cuts what hangs', async () => {
  await using world = await GatewayWorld.start();
  const hanging = world.raw('GET /wait HTTP/1.1\r\nHost: localhost\r\n\r\n');
  await until(() => inFlight(world) === 1);
  await world.gateway.close();
  await world.gateway.close();
  assert.equal(await hanging, '');
});

test('requests in a row whose client left are in flight no longer', async () => {
  await using world = await GatewayWorld.start();
  const socket = connect(world.gateway.port, '127.0.0.1');
  socket.write('GET /wait HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(3));
  await until(() => inFlight(world) === 3);
  socket.destroy();
  await until(() => inFlight(world) === 0);
});
