/** Streams over HTTP: events, lines both ways, slow readers, readers that leave and come back, and a gateway that stops. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { z } from 'zod';
import { defineService } from '../../../src/define/service.ts';
import { until } from '../../mesh/mesh-world.ts';
import { GatewayWorld, problemOf, statusIn } from './gateway-world.ts';

const Row = z.object({ id: z.int(), text: z.string().default('é') });
const state = { made: 0, left: [] as string[], open: 0 };

const feed = defineService({
  name: 'feed',
  errors: { NO_SUCH: { http: 404, text: 'There is no {name}' } },
  actions: (action) => ({
    rows: action.stream({
      http: { route: 'GET /rows', eventId: ({ id }) => id, resume: 'after' },
      input: z.object({ after: z.int().default(0), to: z.int().default(3), size: z.int().optional() }),
      yields: Row,
      output: z.object({ last: z.int() }),
      *run({ input, fail }) {
        if (input.to === 404) fail('NO_SUCH', { name: 'row' });
        const text = 'x'.repeat(input.size ?? 1);
        for (let id = input.after + 1; id <= input.to; id += 1) {
          state.made = id;
          yield { id, text };
          if (id === 13) fail('NO_SUCH', { name: 'thirteen' });
        }
        return { last: input.to };
      },
    }),
    ticks: action.stream({
      http: 'GET /ticks',
      yields: z.int(),
      silenceMs: Infinity,
      async *run({ signal }) {
        state.open += 1;
        try {
          yield 1;
          await once(signal, 'abort');
        } finally {
          state.open -= 1;
          state.left.push((signal.reason as { code: string }).code);
        }
      },
    }),
    evil: action.stream({
      http: { route: 'GET /evil', eventId: (text) => text },
      yields: z.string(),
      *run() {
        yield 'a\ndata: forged\n\n';
      },
    }),
    load: action.stream({
      http: 'POST /load/:table',
      input: z.object({ table: z.string() }),
      items: Row,
      output: z.object({ table: z.string(), count: z.int(), sum: z.int() }),
      async run({ input, items }) {
        let [count, sum] = [0, 0];
        for await (const { id } of items) [count, sum] = [count + 1, sum + id];
        return { table: input.table, count, sum };
      },
    }),
  }),
});

async function start(options: Parameters<typeof GatewayWorld.start>[0] = {}): Promise<GatewayWorld> {
  Object.assign(state, { made: 0, left: [], open: 0 });
  const world = await GatewayWorld.start(options);
  await world.serveToo(feed);
  return world;
}

const ndjson = { accept: 'application/x-ndjson' };
const lines = (values: readonly unknown[]): string =>
  values.map((value) => `${JSON.stringify(value)}\n`).join('');
const post = (world: GatewayWorld, body: string, type = 'application/x-ndjson'): Promise<Response> =>
  world.fetch('/load/t', { method: 'POST', body, headers: { 'content-type': type } });

const metric = (world: GatewayWorld, name: string): number | undefined =>
  world.gateway.metrics().find((family) => family.name === name)?.samples[0]?.value;

test('items are Server-Sent Events with their ids, then the result', async () => {
  await using world = await start();
  const response = await world.fetch('/rows?to=2');
  assert.equal(response.headers.get('content-type'), 'text/event-stream; charset=utf-8');
  assert.equal(response.headers.get('cache-control'), 'no-store');
  assert.match(response.headers.get('x-request-id') ?? '', /^[0-9a-f]{32}$/);
  assert.equal(
    await response.text(),
    'id: 1\ndata: {"id":1,"text":"x"}\n\nid: 2\ndata: {"id":2,"text":"x"}\n\nevent: end\ndata: {"last":2}\n\n',
  );
});

test('items are lines of JSON for who accepts them', async () => {
  await using world = await start();
  const response = await world.fetch('/rows?to=2', { headers: ndjson });
  assert.equal(response.headers.get('content-type'), 'application/x-ndjson; charset=utf-8');
  assert.equal(await response.text(), '{"id":1,"text":"x"}\n{"id":2,"text":"x"}\n');
});

test('a reader that comes back goes on after the last event it has seen, whatever its address says', async () => {
  await using world = await start();
  const response = await world.fetch('/rows?after=0&to=5', { headers: { 'last-event-id': '4' } });
  assert.match(await response.text(), /^id: 5\n/);
  const bad = await world.fetch('/rows', { headers: { 'last-event-id': 'four' } });
  assert.equal(bad.status, 400);
  assert.equal((await problemOf(bad)).errors?.[0]?.path, 'after');
});

test('an error before the first item is an answer like any other, one after it is the last event', async () => {
  await using world = await start();
  const missing = await world.fetch('/rows?to=404');
  assert.equal(missing.status, 404);
  assert.equal((await problemOf(missing)).code, 'NO_SUCH');
  assert.equal((await world.fetch('/rows?to=x')).status, 400);
  const late = await (await world.fetch('/rows?after=12&to=20')).text();
  assert.match(
    late,
    /^id: 13\n.*\n\nevent: problem\ndata: \{"type":"about:blank".*"code":"NO_SUCH".*\}\n\n$/,
  );
});

test('of lines an error is an answer that is cut off: nobody takes the half for the whole', async () => {
  await using world = await start();
  const response = await world.fetch('/rows?after=12&to=20', { headers: ndjson });
  assert.equal(response.status, 200);
  await assert.rejects(response.text());
});

test('N-69 an id with a line end forges no event', async () => {
  await using world = await start();
  const text = await (await world.fetch('/evil')).text();
  assert.doesNotMatch(text, /^data: forged/m);
  assert.match(text, /"code":"INVALID_OUTPUT"/);
});

test('lines go to the handler, with the answer of the call; blank ones and Windows ends are fine', async () => {
  await using world = await start();
  const response = await post(world, '{"id":1}\r\n\n  \n{"id":2}\n{"id":3}');
  assert.deepEqual(await response.json(), { table: 't', count: 3, sum: 6 });
  assert.deepEqual(await (await post(world, '')).json(), { table: 't', count: 0, sum: 0 });
});

test('a line that is wrong is told by its number, and nothing hangs', async () => {
  await using world = await start();
  const broken = await post(world, '{"id":1}\n{"id":\n');
  assert.equal(broken.status, 400);
  assert.match((await problemOf(broken)).detail, /^Line 2: /);
  const wrong = await problemOf(await post(world, lines([{ id: 1 }, { id: 'x' }])));
  assert.equal(wrong.errors?.[0]?.path, 'items.1.id');
  assert.equal((await post(world, '{"__proto__":1}\n')).status, 400);
  assert.equal((await post(world, `"${'x'.repeat(600_000)}"\n`)).status, 413);
  const json = await post(world, '{}', 'application/json');
  assert.equal(json.status, 415);
  assert.match((await problemOf(json)).detail, /application\/x-ndjson/);
});

test('an upload that ends half way is an error for the handler', async () => {
  await using world = await start();
  const socket = connect(world.gateway.port, '127.0.0.1');
  socket.write(
    'POST /load/t HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n{"id":1}\n\r\n',
  );
  await until(
    () =>
      world.mesh.registry.service('feed') !== undefined &&
      metric(world, 'tutti_http_requests_in_flight') === 1,
  );
  socket.destroy();
  await until(() => metric(world, 'tutti_http_requests_in_flight') === 0);
});

test('30,000 rows up and down: no more than a window is held', async () => {
  await using world = await start();
  const body = lines(Array.from({ length: 30_000 }, (_hole, id) => ({ id })));
  assert.deepEqual(await (await post(world, body)).json(), {
    table: 't',
    count: 30_000,
    sum: 449_985_000,
  });
  const text = await (await world.fetch('/rows?after=13&to=30013', { headers: ndjson })).text();
  assert.equal(text.split('\n').length, 30_001);
});

test('a reader that does not read costs what fits in between, and is cut off', async () => {
  await using world = await start({ streams: { stallMs: 300 } });
  const socket = connect(world.gateway.port, '127.0.0.1');
  socket.pause();
  socket.write('GET /rows?after=13&to=300130&size=10000 HTTP/1.1\r\nHost: localhost\r\n\r\n');
  await once(socket, 'connect');
  await until(() => metric(world, 'tutti_http_stalled_total') === 1);
  assert.ok(state.made * 10_000 < 24_000_000, `${String(state.made)} items of 10 kB were made for nobody`);
  await until(() => metric(world, 'tutti_http_streams') === 0);
  socket.destroy();
});

test('a browser that leaves ends the handler', async () => {
  await using world = await start();
  const abort = new AbortController();
  const response = await world.fetch('/ticks', { signal: abort.signal });
  await until(() => state.open === 1);
  abort.abort();
  await until(() => state.left.length === 1);
  assert.deepEqual(state.left, ['CANCELLED']);
  await response.body?.cancel().catch(() => undefined);
});

test('a quiet stream says something now and then, and one too many is turned away', async () => {
  await using world = await start({ streams: { heartbeatMs: 40, streams: 2 } });
  const first = await world.fetch('/ticks');
  const reader = first.body?.getReader();
  let text = '';
  while (!/:\n\n:\n\n/.test(text)) {
    const chunk = await reader?.read();
    text += Buffer.from(chunk?.value ?? []).toString();
  }
  const second = await world.fetch('/ticks');
  const third = await world.fetch('/ticks');
  assert.equal(third.status, 503);
  assert.equal(third.headers.get('retry-after'), '1');
  await reader?.cancel();
  await second.body?.cancel();
  await until(() => metric(world, 'tutti_http_streams') === 0);
  assert.equal((await world.fetch('/rows')).status, 200);
});

test('a gateway that stops lets its readers of events go, to come back elsewhere', async () => {
  await using world = await start();
  const response = await world.fetch('/ticks');
  const drained = world.gateway.drain();
  assert.equal(await response.text(), 'data: 1\n\n');
  await drained;
  assert.deepEqual(state.left, ['CANCELLED']);
});

test('the OpenAPI document tells of items, both ways', async () => {
  await using world = await start();
  const document = (await (await world.fetch('/openapi.json')).json()) as {
    paths: Record<
      string,
      Record<string, { requestBody?: { content: object }; responses: Record<string, { content: object }> }>
    >;
  };
  const rows = document.paths['/rows']?.['get'];
  assert.deepEqual(Object.keys(rows?.responses['200']?.content ?? {}), [
    'text/event-stream',
    'application/x-ndjson',
  ]);
  const load = document.paths['/load/{table}']?.['post'];
  assert.deepEqual(Object.keys(load?.requestBody?.content ?? {}), ['application/x-ndjson']);
  assert.deepEqual(Object.keys(load?.responses['200']?.content ?? {}), ['application/json']);
});

test('a HEAD begins nothing, a two-way route is not to be had this way', async () => {
  await using world = await start();
  const head = await world.fetch('/ticks', { method: 'HEAD' });
  assert.equal(head.headers.get('content-type'), 'text/event-stream; charset=utf-8');
  assert.equal(state.open, 0);
  assert.equal(
    statusIn(await world.request('GET /rows HTTP/1.1', ['Upgrade: h2c', 'HTTP2-Settings: AA'])),
    200,
  );
});
