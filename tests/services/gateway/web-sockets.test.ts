/** Two-way streams as WebSockets: messages both ways, what is refused and how, and every way it ends. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { z } from 'zod';
import { bounds } from '../../../src/core/bounds.ts';
import { defineService } from '../../../src/define/service.ts';
import { until } from '../../mesh/mesh-world.ts';
import { GatewayWorld, statusIn } from './gateway-world.ts';

const state = { open: 0, taken: 0, left: [] as (string | undefined)[] };

const chat = defineService({
  name: 'chat',
  errors: { BANNED: { http: 403, text: '{name} is banned' } },
  actions: (action) => ({
    room: action.stream({
      http: 'GET /rooms/:room',
      input: z.object({ room: z.string(), name: z.string().default('Ada') }),
      items: z.object({ say: z.string() }),
      yields: z.object({ room: z.string(), said: z.string() }),
      silenceMs: Infinity,
      async *run({ input: { room, name }, items, signal, fail }) {
        if (name === 'Mallory') fail('BANNED', { name });
        state.open += 1;
        try {
          yield { room, said: `hello ${name}` };
          for await (const { say } of items) {
            if (say === 'quit') return;
            if (say === 'fail') fail('BANNED', { name });
            yield { room, said: say };
          }
        } finally {
          state.open -= 1;
          state.left.push((signal.reason as { code?: string } | undefined)?.code);
        }
      },
    }),
    slow: action.stream({
      http: 'GET /slow',
      items: z.string(),
      yields: z.int(),
      silenceMs: Infinity,
      async *run({ items, signal }) {
        yield 0;
        await once(signal, 'abort').catch(() => undefined);
        for await (const item of items) state.taken += item.length;
      },
    }),
    flood: action.stream({
      http: 'GET /flood',
      items: z.string(),
      yields: z.string(),
      silenceMs: Infinity,
      *run() {
        for (;;) {
          state.taken += 1;
          yield 'x'.repeat(10_000);
        }
      },
    }),
  }),
});

async function start(options: Parameters<typeof GatewayWorld.start>[0] = {}): Promise<GatewayWorld> {
  Object.assign(state, { open: 0, taken: 0, left: [] });
  const world = await GatewayWorld.start(options);
  await world.serveToo(chat);
  return world;
}

/** A client that keeps what it hears. */
class Client {
  readonly heard: unknown[] = [];
  readonly closed: Promise<CloseEvent>;
  readonly socket: WebSocket;

  constructor(world: GatewayWorld, path: string) {
    this.socket = new WebSocket(`${world.gateway.url.replace('http', 'ws')}${path}`);
    this.socket.addEventListener('message', ({ data }) => this.heard.push(JSON.parse(data as string)));
    this.closed = new Promise((resolve) => {
      this.socket.addEventListener('close', resolve);
    });
  }

  async hears(count: number): Promise<unknown[]> {
    await until(() => this.heard.length >= count);
    return this.heard;
  }

  say(value: unknown): void {
    this.socket.send(JSON.stringify(value));
  }
}

const handshake = (path: string, headers: readonly string[] = []): string =>
  [
    `GET ${path} HTTP/1.1`,
    ...['Host: localhost', 'Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13'],
    ...['Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', ...headers],
    '\r\n',
  ].join('\r\n');

test('messages are items both ways, until the handler has enough', async () => {
  await using world = await start();
  const client = new Client(world, '/rooms/blue?name=Eve');
  await client.hears(1);
  client.say({ say: 'one' });
  client.say({ say: 'two' });
  assert.deepEqual(
    (await client.hears(3)).map((item) => (item as { said: string }).said),
    ['hello Eve', 'one', 'two'],
  );
  client.say({ say: 'quit' });
  assert.equal((await client.closed).code, 1000);
  await until(() => state.open === 0);
});

test('a browser that leaves ends the handler, a handler that fails tells the browser', async () => {
  await using world = await start();
  const leaving = new Client(world, '/rooms/blue');
  await leaving.hears(1);
  leaving.socket.close();
  await until(() => state.left.length === 1);
  const failing = new Client(world, '/rooms/blue');
  await failing.hears(1);
  failing.say({ say: 'fail' });
  const { code, reason } = await failing.closed;
  assert.equal(code, 1008);
  assert.equal(reason, 'BANNED: Ada is banned');
});

test('what is no JSON, or not what was declared, closes with the reason; bytes are no messages', async () => {
  await using world = await start();
  for (const [message, code, reason] of [
    ['{"say":', 1008, /^INVALID_INPUT: The body is not JSON/],
    ['{"say":7}', 1008, /^INVALID_INPUT: items\.0\.say: /],
    ['{"__proto__":{}}', 1008, /^INVALID_INPUT/],
    [new Uint8Array([1]), 1003, /JSON text/],
    ['x'.repeat(bounds.streamItemBytes + 1), 1009, /^/],
  ] as const) {
    const client = new Client(world, '/rooms/blue');
    await client.hears(1);
    client.socket.send(message);
    const closed = await client.closed;
    assert.equal(closed.code, code);
    assert.match(closed.reason, reason);
  }
  await until(() => state.open === 0);
});

test('before it is a WebSocket it is a request, refused as one', async () => {
  await using world = await start();
  const cases: readonly (readonly [string, readonly string[], number, RegExp])[] = [
    ['/rooms/blue', ['Origin: http://evil.example'], 403, /another origin/],
    ['/rooms/blue', ['Origin: null'], 403, /another origin/],
    ['/things/7', ['Connection: close'], 200, /"id":7/],
    ['/nowhere', ['Connection: close'], 404, /NOT_FOUND/],
    ['/rooms/blue?size=1&size=2', [], 400, /given twice/],
  ];
  for (const [path, headers, status, words] of cases) {
    const answer = await world.raw(handshake(path, headers));
    assert.equal(statusIn(answer), status, answer);
    assert.match(answer, words);
  }
  const evil = handshake('/rooms/blue').replace('Host: localhost', 'Host: evil.example');
  assert.equal(statusIn(await world.raw(evil)), 421);
  const plain = await world.fetch('/rooms/blue');
  assert.equal(plain.status, 426);
  assert.equal(plain.headers.get('upgrade'), 'websocket');
  const version = handshake('/rooms/blue').replace('Version: 13', 'Version: 12');
  assert.equal(statusIn(await world.raw(version)), 400);
  assert.equal(state.open, 0);
  const same = connect(world.gateway.port, '127.0.0.1');
  same.write(handshake('/rooms/blue', ['Origin: http://localhost']));
  const [first] = (await once(same, 'data')) as [Buffer];
  assert.equal(statusIn(first.toString()), 101);
  same.destroy();
  await until(() => state.open === 0);
});

test('messages that nobody takes stay with who sends them, who is not taken for dead', async () => {
  await using world = await start({ streams: { heartbeatMs: 40 } });
  const client = new Client(world, '/slow');
  await client.hears(1);
  const message = JSON.stringify('x'.repeat(100_000));
  for (let sent = 0; sent < 600; sent += 1) client.socket.send(message);
  const before = process.memoryUsage().arrayBuffers;
  await until(() => client.socket.bufferedAmount > 0);
  for (let turn = 0; turn < 200; turn += 1) await new Promise(setImmediate);
  assert.ok(process.memoryUsage().arrayBuffers - before < 32 * 1_048_576);
  const later = performance.now() + 300;
  await until(() => performance.now() > later);
  assert.ok(client.socket.bufferedAmount > 10_000_000, 'the gateway has taken what nobody asked for');
  assert.equal(client.socket.readyState, WebSocket.OPEN);
});

test('a reader that does not read costs what fits in between, and is cut off', async () => {
  await using world = await start({ streams: { stallMs: 300 } });
  const socket = connect(world.gateway.port, '127.0.0.1');
  socket.write(handshake('/flood'));
  await once(socket, 'data');
  socket.pause();
  const stalled = (): number | undefined =>
    world.gateway.metrics().find(({ name }) => name === 'tutti_http_stalled_total')?.samples[0]?.value;
  await until(() => stalled() === 1);
  assert.ok(state.taken * 10_000 < 24_000_000, `${String(state.taken)} items of 10 kB were made for nobody`);
  socket.destroy();
});

test('a gateway that stops says so, and one that is quiet is asked whether it is there', async () => {
  await using world = await start({ streams: { heartbeatMs: 40 } });
  const deaf = connect(world.gateway.port, '127.0.0.1');
  deaf.write(handshake('/rooms/blue'));
  const closed = once(deaf, 'close');
  deaf.on('data', () => undefined);
  // It answers no ping.
  await closed;
  const client = new Client(world, '/rooms/blue');
  await client.hears(1);
  const drained = world.gateway.drain();
  assert.equal((await client.closed).code, 1012);
  await drained;
  await until(() => state.open === 0);
});
