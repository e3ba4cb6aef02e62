/** Clients that are slow on purpose, names without end, and the worst input that is allowed. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { bounds } from '../../../src/core/bounds.ts';
import { times } from '../../fuzz/chance.ts';
import { GatewayWorld, statusIn } from './gateway-world.ts';

const quick = { headersMs: 200, requestMs: 400, keepAliveMs: 200, checkMs: 20 };
const head = (line: string, ...fields: string[]): string =>
  `${[line, 'Host: localhost', ...fields].join('\r\n')}\r\n\r\n`;

/** A byte at a time, so that no pause is long, until it is closed. */
async function trickle(port: number, pieces: readonly string[]): Promise<string> {
  const socket = connect(port, '127.0.0.1').setEncoding('latin1');
  let said = '';
  socket.on('error', () => undefined).on('data', (more: string) => (said += more));
  // Not `once`: what is written into a closed connection is an error, and no end of the test.
  const closed = new Promise((resolve) => socket.once('close', resolve));
  const until = performance.now() + 10_000;
  for (const piece of pieces) {
    if (performance.now() > until) socket.destroy();
    if (socket.destroyed) break;
    socket.write(piece);
    await Promise.race([pause(20), closed]);
  }
  await closed;
  return said;
}

const slow: [what: string, atOnce: string, drop: string][] = [
  ['head', 'GET /things/7 HTTP/1.1\r\n', `Host: localhost\r\nX-Slow: ${'x'.repeat(1_000)}`],
  [
    'body',
    head('POST /things HTTP/1.1', 'Content-Type: application/json', 'Content-Length: 4000'),
    ' '.repeat(4_000),
  ],
];
for (const [what, atOnce, drop] of slow)
  test(`N-73 a ${what} that comes byte by byte is cut off at its limit`, async () => {
    await using world = await GatewayWorld.start({ limits: quick });
    const began = performance.now();
    const said = await trickle(world.gateway.port, [atOnce, ...Array.from(drop)]);
    assert.ok(said === '' || statusIn(said) === 408, said.slice(0, 200));
    assert.ok(performance.now() - began < 8_000, 'all of it would have taken longer');
    assert.equal((await world.fetch('/things/7')).status, 200);
  });

test('N-73 thousands of idle connections cost the others nothing, and are closed', async () => {
  await using world = await GatewayWorld.start({ limits: { ...quick, keepAliveMs: 1_000 } });
  const idle: Socket[] = [];
  for (let n = 0; n < times(500, 5_000); n += 1) {
    const socket = connect(world.gateway.port, '127.0.0.1').on('error', () => undefined);
    socket.write(head('GET /things/7 HTTP/1.1'));
    await once(socket, 'data');
    idle.push(socket);
  }
  assert.equal((await world.fetch('/things/8')).status, 200);
  for (const socket of idle) if (!socket.destroyed) await once(socket.resume(), 'close');
});

test('N-73 clients that do not read their answers hold a bounded memory, and the others are served', async () => {
  await using world = await GatewayWorld.start();
  const body = JSON.stringify({ name: 'x'.repeat(900_000) });
  const request = head(
    'POST /things HTTP/1.1',
    'Content-Type: application/json',
    `Content-Length: ${String(body.length)}`,
  );
  const before = process.memoryUsage().rss;
  const unread = Array.from({ length: 30 }, () => {
    const socket = connect(world.gateway.port, '127.0.0.1').on('error', () => undefined);
    socket.pause().write(request + body);
    return socket;
  });
  for (let n = 0; n < 20; n += 1) assert.equal((await world.fetch('/things/7')).status, 200);
  const grownMb = (process.memoryUsage().rss - before) / 1_048_576;
  for (const socket of unread) socket.destroy();
  assert.ok(grownMb < 300, `${grownMb.toFixed(0)} MB, both sides together`);
});

test('N-106 user agents, ids, query and versions without end make no series, and a scrape stays quick', async () => {
  await using world = await GatewayWorld.start();
  const series = (): number => world.gateway.metrics().reduce((sum, { samples }) => sum + samples.length, 0);
  const ask = (n: number): Promise<Response> =>
    world.fetch(`/things/${String(n + 1)}?v=${String(n)}`, {
      headers: {
        'user-agent': `agent/${String(n)}`,
        'x-request-id': `id-${String(n)}`,
        'x-version': String(n),
      },
    });
  await ask(0);
  const before = series();
  for (let n = 0; n < times(500, 100_000); n += 1) await (await ask(n)).arrayBuffer();
  assert.equal(series(), before);
  const cpu = process.threadCpuUsage();
  assert.equal((await world.fetch('/metrics')).status, 200);
  const { user, system } = process.threadCpuUsage(cpu);
  assert.ok((user + system) / 1_000 < 200, `${String((user + system) / 1_000)} ms of the processor`);
});

const mebibyte = bounds.httpBodyBytes;
const post = (path: string, body: string): string =>
  head(
    `POST ${path} HTTP/1.1`,
    'Connection: close',
    'Content-Type: application/json',
    `Content-Length: ${String(body.length)}`,
  ) + body;
const get = (path: string): string => head(`GET ${path} HTTP/1.1`, 'Connection: close');

/** The worst that each route lets in. */
const worst: [what: string, request: string][] = [
  ['one long text', post('/things', JSON.stringify({ name: 'x'.repeat(mebibyte - 20) }))],
  ['a text of escapes', post('/things', `{"name":"${'\\u0041'.repeat(170_000)}"}`)],
  ['a list as long as a body', post('/things', `{"name":"x","tags":[${'"",'.repeat(340_000)}""]}`)],
  ['blanks', post('/things', `{"name":"x"${' '.repeat(mebibyte - 20)}}`)],
  ['numbers', post('/things', `{"name":"x","quantity":${'1'.repeat(mebibyte - 40)}}`)],
  ['nesting', post('/anything', `{"a":${'['.repeat(60)}${']'.repeat(60)}}`)],
  ['many names', post('/anything', `{${Array.from({ length: 300 }, (_, n) => `"k${String(n)}":1`).join()}}`)],
  ['a path of escapes', get(`/say/${'%41'.repeat(5_000)}`)],
  ['a path of slashes', get('/'.repeat(15_000))],
  ['digits that are no number', get(`/things?limit=${'1'.repeat(1_500)}x`)],
  ['a long query', get(`/things?${'tag=a&'.repeat(2_500)}`)],
  [
    'many fields',
    head(
      'GET /things/7 HTTP/1.1',
      'Connection: close',
      ...Array.from({ length: 90 }, (_, n) => `X-${String(n)}: ${'y'.repeat(100)}`),
    ),
  ],
  ...['/', '/health', '/services', '/metrics', '/openapi.json', '/docs'].map((path): [string, string] => [
    path,
    get(path),
  ]),
];
for (const [what, request] of worst)
  test(`N-112 the worst input of a route does not hold the event loop: ${what}`, async () => {
    await using world = await GatewayWorld.start();
    await world.raw(get('/things/7'));
    const text = `["${request.replaceAll(/[^a-z]/g, 'x')}"]`;
    const calibration = process.threadCpuUsage();
    JSON.stringify(JSON.parse(text));
    const parsing = process.threadCpuUsage(calibration);
    const before = process.threadCpuUsage();
    const answer = await world.raw(request);
    const { user, system } = process.threadCpuUsage(before);
    assert.ok(statusIn(answer) >= 200, answer.slice(0, 200));
    // Client, gateway and service are all in this thread; the processor's time is not the neighbours' load.
    const limitMs = 150 + (10 * (parsing.user + parsing.system)) / 1_000;
    const tookMs = (user + system) / 1_000;
    assert.ok(
      tookMs < limitMs,
      `${tookMs.toFixed(1)} ms of the processor, ${limitMs.toFixed(0)} are allowed`,
    );
  });
