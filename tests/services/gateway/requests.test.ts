/** What a client of a gateway sees when all is well, and when its service is not. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { until } from '../../mesh/mesh-world.ts';
import { problemOf, GatewayWorld, statusIn } from './gateway-world.ts';

test('a path parameter becomes the number that the schema wants', async () => {
  await using world = await GatewayWorld.start();
  const response = await world.fetch('/things/7');
  assert.equal(response.status, 200);
  assert.equal(response.headers.get('content-type'), 'application/json; charset=utf-8');
  assert.deepEqual(await response.json(), { id: 7 });
});

test('query values become numbers, booleans and lists by the schema', async () => {
  await using world = await GatewayWorld.start();
  const response = await world.fetch('/things?limit=5&deep=true&tag=a&tag=b%20c+d');
  assert.deepEqual(await response.json(), { limit: 5, deep: true, tag: ['a', 'b c d'] });
});

test('a body is the input, and the route gives the status', async () => {
  await using world = await GatewayWorld.start();
  const response = await world.post('/things', '{"name":"chair","quantity":3}');
  assert.equal(response.status, 201);
  assert.deepEqual(await response.json(), { name: 'chair', quantity: 3 });
});

test('path and body are merged, and a name in both is refused', async () => {
  await using world = await GatewayWorld.start();
  const put = (body: string): Promise<Response> =>
    world.fetch('/things/7', { method: 'PUT', body, headers: { 'content-type': 'application/json' } });
  assert.deepEqual(await (await put('{"name":"chair"}')).json(), { id: 7, name: 'chair', quantity: 1 });
  const problem = await problemOf(await put('{"name":"chair","id":8}'));
  assert.equal(problem.code, 'INVALID_INPUT');
  assert.deepEqual(problem.errors, [{ path: 'id', message: 'is given in two places' }]);
});

test('a POST without a body has an empty input', async () => {
  await using world = await GatewayWorld.start();
  const response = await world.fetch('/context', { method: 'POST' });
  assert.equal(response.status, 200);
});

test('a GET takes a body where its route says how large, in place of the address', async () => {
  await using world = await GatewayWorld.start();
  const find = (body: string): Promise<string> =>
    world.request(
      'GET /find HTTP/1.1',
      ['Content-Type: application/json', `Content-Length: ${String(body.length)}`],
      body,
    );
  const found = await find('{"name":"chair"}');
  assert.equal(statusIn(found), 200);
  assert.match(found, /\{"name":"chair"\}$/);
  assert.deepEqual(await (await world.fetch('/find?name=chair')).json(), { name: 'chair' });
  assert.equal(statusIn(await find(`{"name":"${'x'.repeat(64)}"}`)), 413);
});

test('an answer without content has no body', async () => {
  await using world = await GatewayWorld.start();
  for (const [path, status] of [
    ['/things/7', 204],
    ['/things', 205],
  ] as const) {
    const response = await world.fetch(path, { method: 'DELETE' });
    assert.equal(response.status, status);
    for (const name of ['content-type', 'content-length'])
      assert.equal(response.headers.get(name), null, name);
    assert.equal(await response.text(), '');
  }
});

test('HEAD is answered like GET, without the body', async () => {
  await using world = await GatewayWorld.start();
  const response = await world.fetch('/things/7', { method: 'HEAD' });
  assert.equal(response.status, 200);
  assert.equal(response.headers.get('content-length'), '8');
});

test('ids of a request go in, on and out', async () => {
  await using world = await GatewayWorld.start();
  const headers = { 'x-request-id': 'abc-1', 'idempotency-key': 'order-7', 'request-timeout': '2.5' };
  const response = await world.fetch('/context', { method: 'POST', headers });
  assert.equal(response.headers.get('x-request-id'), 'abc-1');
  const seen = (await response.json()) as {
    requestId: string;
    caller: string;
    idempotencyKey: string;
    remainingMs: number;
  };
  assert.equal(seen.requestId, 'abc-1');
  assert.equal(seen.idempotencyKey, 'order-7');
  assert.equal(seen.caller, 'gateway:public#1@1');
  assert.ok(seen.remainingMs > 0 && seen.remainingMs <= 2_500, String(seen.remainingMs));
});

test('a request without an id gets one, the same in header and problem', async () => {
  await using world = await GatewayWorld.start();
  const response = await world.fetch('/nothing');
  const { requestId } = await problemOf(response);
  assert.match(requestId, /^[0-9a-f]{32}$/);
  assert.equal(response.headers.get('x-request-id'), requestId);
});

test('what the callee finds wrong is listed by path', async () => {
  await using world = await GatewayWorld.start();
  const response = await world.post('/things', '{"name":"","quantity":0,"colour":"red"}');
  assert.equal(response.status, 400);
  assert.equal(response.headers.get('content-type'), 'application/problem+json; charset=utf-8');
  const problem = await problemOf(response);
  assert.deepEqual(problem.errors?.map(({ path }) => path).sort(), ['', 'name', 'quantity']);
});

test('an error of the service keeps its code, its status and its sentence', async () => {
  await using world = await GatewayWorld.start();
  const response = await world.fetch('/taken');
  assert.equal(response.status, 409);
  const { code, detail } = await problemOf(response);
  assert.deepEqual({ code, detail }, { code: 'NAME_TAKEN', detail: 'The name this is taken' });
});

test('a bug is a plain 500: nothing of it reaches the client', async () => {
  await using world = await GatewayWorld.start();
  const response = await world.fetch('/bug');
  assert.equal(response.status, 500);
  const text = await response.text();
  assert.match(text, /"code":"INTERNAL"/);
  assert.doesNotMatch(text, /SELECT|passwd|TypeError|at .*\.ts/);
});

test('an unknown path is 404, another method on a known path is 405 with Allow', async () => {
  await using world = await GatewayWorld.start();
  assert.equal((await world.fetch('/nothing')).status, 404);
  const response = await world.fetch('/things/7', {
    method: 'PATCH',
    body: '{}',
    headers: { 'content-type': 'application/json' },
  });
  assert.equal(response.status, 405);
  assert.equal(response.headers.get('allow'), 'GET, PUT, DELETE, HEAD');
});

test('with nobody ready a route is 503 with Retry-After at once, and served again when somebody is', async () => {
  await using world = await GatewayWorld.start({ isServed: false });
  const response = await world.fetch('/things/7');
  assert.equal(response.status, 503);
  assert.equal(response.headers.get('retry-after'), '1');
  assert.equal((await problemOf(response)).code, 'NO_INSTANCE');
  await world.serve();
  assert.equal((await world.fetch('/things/7')).status, 200);
});

test('a call that takes longer than request-timeout is 504', async () => {
  await using world = await GatewayWorld.start();
  const response = await world.fetch('/wait', { headers: { 'request-timeout': '0.05' } });
  assert.equal(response.status, 504);
  assert.equal((await problemOf(response)).code, 'CALL_TIMED_OUT');
});

test('a client that goes away takes its call back', async () => {
  await using world = await GatewayWorld.start();
  const responder = await world.serve(2);
  world.mesh.unlist({ service: 'things', slot: 1 });
  const leave = new AbortController();
  const waiting = world.fetch('/wait', { signal: leave.signal });
  await until(() => responder.stats().inFlight > 0);
  leave.abort();
  await assert.rejects(waiting);
  await until(() => responder.stats().inFlight === 0);
});

test('routes follow the manifest', async () => {
  await using world = await GatewayWorld.start();
  const { things } = world.manifest.services;
  assert.ok(things?.actions['get'] !== undefined);
  world.changeManifest({
    app: 'shop',
    services: {
      things: {
        ...things,
        actions: {
          get: { ...things.actions['get'], http: { method: 'GET', path: '/stuff/:id', status: 200 } },
        },
      },
    },
  });
  assert.equal((await world.fetch('/things/7')).status, 404);
  assert.equal((await world.fetch('/stuff/7')).status, 200);
});

test('a route that cannot be taken is told and costs no other', async () => {
  await using world = await GatewayWorld.start();
  const { things } = world.manifest.services;
  assert.ok(things?.actions['get'] !== undefined && things.actions['say'] !== undefined);
  const http = { method: 'GET', path: '/things/:other', status: 200 } as const;
  world.changeManifest({
    app: 'shop',
    services: {
      things: { ...things, actions: { get: things.actions['get'], say: { ...things.actions['say'], http } } },
    },
  });
  assert.equal((await world.fetch('/things/7')).status, 200);
  assert.ok(
    world.lines.some(
      ({ level, sentence }) => level === 'warn' && sentence === 'A route of the manifest is not served',
    ),
  );
});
