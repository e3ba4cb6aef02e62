/** Answers that are not read: each has a time, and all together a size. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { until } from '../../mesh/mesh-world.ts';
import { GatewayWorld, statusIn } from './gateway-world.ts';

const largeBytes = 8 * 2 ** 20;
/** More than the kernel takes for one who does not read. */
const large = 'GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n';

/** Resolves when the answer has begun to come; no more of it is read than that. */
async function ask(world: GatewayWorld): Promise<Socket> {
  const socket = connect(world.gateway.port, '127.0.0.1').on('error', () => undefined);
  socket.write(large);
  await once(socket, 'readable');
  return socket;
}

const metric = (world: GatewayWorld, name: string): number =>
  world.gateway.metrics().find((family) => family.name === `tutti_http_${name}`)?.samples[0]?.value ?? NaN;

/** Reads with a pause after each piece; how many bytes came before the end, or until all were there. */
async function read(socket: Socket, pauseMs: number): Promise<number> {
  let bytes = 0;
  const closed = new Promise<void>((resolve) => socket.once('close', resolve));
  const whole = new Promise<void>((resolve) => {
    socket.on('data', (piece: Buffer) => {
      bytes += piece.length;
      if (bytes > largeBytes) resolve();
      socket.pause();
      setTimeout(() => socket.resume(), pauseMs);
    });
  });
  socket.resume();
  await Promise.race([closed, whole]);
  return bytes;
}

test('G6 an answer that is not read is cut off at its time and counted, one that is read slowly is not', async () => {
  await using world = await GatewayWorld.start({
    unread: { stallMs: 5_000, bytesPerSecond: 1e9, checkMs: 20 },
  });
  const idle = await ask(world);
  const busy = await ask(world);
  assert.ok((await read(busy, 1)) > largeBytes);
  busy.destroy();
  await until(() => metric(world, 'unread_total') === 1);
  assert.equal(metric(world, 'unread_bytes'), 0);
  await until(() => metric(world, 'requests_in_flight') === 0);
  assert.ok((await read(idle, 0)) < largeBytes);
});

test('G6 an answer may take longer the larger it is', async () => {
  const unread = { stallMs: 1, bytesPerSecond: 10_000, checkMs: 20 };
  await using world = await GatewayWorld.start({ unread });
  const idle = await ask(world);
  assert.ok(metric(world, 'unread_bytes') >= largeBytes);
  // What is waited for is time itself: that of an answer without a size is long over.
  await pause(500);
  assert.equal(metric(world, 'unread_total'), 0);
  idle.destroy();
  await until(() => metric(world, 'unread_bytes') === 0);
});

test('G6 answers that are not read hold no more than their bound, the oldest makes room', async () => {
  const bytes = 2.5 * largeBytes;
  await using world = await GatewayWorld.start({ unread: { bytes, checkMs: 20 } });
  const clients: Socket[] = [];
  for (let n = 0; n < 6; n += 1) {
    clients.push(await ask(world));
    assert.ok(metric(world, 'unread_bytes') <= bytes);
    assert.equal(metric(world, 'unread_total'), Math.max(0, n - 1));
    assert.equal((await world.fetch('/things/7')).status, 200);
  }
  const came = await Promise.all(clients.map((socket) => read(socket, 0)));
  assert.deepEqual(
    came.map((one) => one > largeBytes),
    [false, false, false, false, true, true],
  );
  for (const socket of clients) socket.destroy();
});

test('G6 an answer that waits for its turn on its connection is not taken for one that nobody reads', async () => {
  await using world = await GatewayWorld.start({ unread: { stallMs: 50, checkMs: 10 } });
  const wait = 'GET /wait HTTP/1.1\r\nHost: localhost\r\nrequest-timeout: 0.5\r\n\r\n';
  const next = 'GET /things/7 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n';
  const answer = await world.raw(wait + next);
  assert.equal(statusIn(answer), 504);
  assert.match(answer, /\{"id":7\}$/);
  assert.equal(metric(world, 'unread_total'), 0);
});
