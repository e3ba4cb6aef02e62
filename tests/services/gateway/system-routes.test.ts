/** What every gateway serves itself. */
import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { Validator } from '@seriousme/openapi-schema-validator';
import type { AppStatus, InstanceStatus, ServiceStatus } from '../../../src/core/status.ts';
import { isReservedRoute } from '../../../src/define/reserved-routes.ts';
import { makeManifest } from '../../../src/define/manifest.ts';
import { openApiDocument } from '../../../src/services/gateway/openapi.ts';
import { systemPaths } from '../../../src/services/gateway/system-paths.ts';
import { systemRoutes } from '../../../src/services/gateway/system-routes.ts';
import { problemOf, GatewayWorld, things } from './gateway-world.ts';

const time = (second: number): number => Date.UTC(2026, 0, 1, 0, 0, second);

const instance = (slot: number, more: Partial<InstanceStatus> = {}): InstanceStatus => ({
  slot: `things#${String(slot)}`,
  epoch: 1,
  state: 'ready',
  reason: 'ready',
  pid: 100 + slot,
  since: time(2),
  startedAt: time(slot),
  restartAt: null,
  restarts: slot,
  crashLoop: false,
  lastHeartbeat: time(10 + slot),
  requests: 5,
  errors: 0,
  inFlight: 0,
  requestsPerSecond: 0,
  p99Ms: null,
  loopDelayMs: slot,
  cpuPercent: null,
  rssBytes: null,
  ...more,
});

const service = (name: string, more: Partial<ServiceStatus> = {}): ServiceStatus => ({
  name,
  system: false,
  version: '1.2.0',
  optional: false,
  wanted: 2,
  ready: 2,
  health: 'healthy',
  urls: [],
  instances: [instance(1), instance(2)],
  ...more,
});

const status = (services: readonly ServiceStatus[]): AppStatus => ({
  app: 'shop',
  avoided: [],
  acceptFailures: {},
  takenAt: Date.now(),
  startedAt: time(0),
  generation: 1,
  pids: { keeper: 1, supervisor: 2 },
  services,
  shared: { sent: 3 },
  notes: [],
});

test('GET /services tells of services, of ours apart, and of the shared numbers', async () => {
  await using world = await GatewayWorld.start();
  world.status = status([service('things'), service('gateway:public', { system: true, instances: [] })]);
  const body = (await (await world.fetch('/services')).json()) as Record<string, unknown> & {
    services: Record<string, Record<string, unknown>>;
  };
  const { instances, ...things } = body.services['things'] ?? {};
  assert.equal(body['status'], 'success');
  assert.equal(body['count'], 1);
  assert.deepEqual(body['shared'], { sent: 3 });
  assert.deepEqual(Object.keys(body['system'] as object), ['gateway:public']);
  assert.deepEqual(things, {
    pid: 101,
    status: 'running',
    health: 'healthy',
    version: '1.2.0',
    wanted: 2,
    ready: 2,
    registered_at: '2026-01-01T00:00:01.000Z',
    restarts: 3,
    lag_ms: 2,
    stats: {
      requests: 10,
      errors: 0,
      started_at: '2026-01-01T00:00:01.000Z',
      last_heartbeat: '2026-01-01T00:00:12.000Z',
    },
  });
  assert.equal((instances as { instance: string }[])[1]?.instance, 'things#2@1');
});

test('a service whose process died is dead, without a pid', async () => {
  await using world = await GatewayWorld.start();
  world.status = status([
    service('things', {
      ready: 0,
      health: 'dead',
      instances: [instance(1, { state: 'backoff', pid: null, lastHeartbeat: null })],
    }),
  ]);
  const { services } = (await (await world.fetch('/services')).json()) as {
    services: Record<string, { status: string; pid: number | null }>;
  };
  assert.equal(services['things']?.status, 'dead');
  assert.equal(services['things'].pid, null);
});

test('GET /services/{name}/health tells of one, and is 404 for a stranger', async () => {
  await using world = await GatewayWorld.start();
  world.status = status([service('things', { health: 'degraded' })]);
  const body = (await (await world.fetch('/services/things/health')).json()) as Record<string, unknown>;
  assert.deepEqual(
    { ...body, stats: null },
    { status: 'success', service: 'things', health: 'degraded', stats: null },
  );
  const response = await world.fetch('/services/nobody/health');
  assert.equal(response.status, 404);
  assert.equal((await problemOf(response)).detail, 'Service nobody not found');
});

test('before the first word of the supervisor /services is 503 with Retry-After', async () => {
  await using world = await GatewayWorld.start();
  const response = await world.fetch('/services');
  assert.equal(response.status, 503);
  assert.equal(response.headers.get('retry-after'), '1');
});

test('GET /health says degraded, with 200, of who fares badly and of who lacks one that was stopped by hand', async () => {
  await using world = await GatewayWorld.start({ isServed: false });
  const body = async (...services: ServiceStatus[]): Promise<[number, unknown]> => {
    world.status = status(services);
    const response = await world.fetch('/health');
    return [response.status, await response.json()];
  };
  const stopped = service('things', { wanted: 0, ready: 0, health: 'dead', instances: [] });
  const healthy = { status: 'healthy', message: 'Every required service is ready' };
  assert.deepEqual(await body(stopped, service('users')), [200, healthy]);
  const trouble = 'things is stopped by hand, and users needs it';
  const lacks = service('users', { health: 'degraded', trouble });
  assert.deepEqual(await body(stopped, lacks), [200, { status: 'degraded', message: trouble }]);
  const some = service('gateway:public', { health: 'degraded', ready: 1 });
  assert.deepEqual(await body(stopped, some), [
    200,
    { status: 'degraded', message: 'gateway public: 1 of 2 ready' },
  ]);
  assert.equal((await body(service('things', { ready: 0, health: 'dead', instances: [] })))[0], 503);
});

test('GET /health is 503 and names who is missing, unless that is optional', async () => {
  await using world = await GatewayWorld.start({ isServed: false });
  const body = async (): Promise<[number, unknown]> => {
    const response = await world.fetch('/health');
    return [response.status, await response.json()];
  };
  assert.deepEqual(await body(), [503, { status: 'unhealthy', message: 'Nobody is ready of: things' }]);
  world.status = status([service('things', { optional: true })]);
  assert.equal((await body())[0], 200);
  world.status = undefined;
  await world.serve();
  assert.deepEqual(await body(), [200, { status: 'healthy', message: 'Every required service is ready' }]);
});

test('liveness says yes always, readiness once the registry is known', async () => {
  await using world = await GatewayWorld.start({ isServed: false });
  assert.equal((await world.fetch('/health/liveness')).status, 200);
  assert.equal((await world.fetch('/health/readiness')).status, 503);
  await world.serve();
  assert.equal((await world.fetch('/health/readiness')).status, 200);
});

test('an action may have "/", and no other path of the gateway', async () => {
  await using world = await GatewayWorld.start();
  assert.deepEqual(Object.keys((await (await world.fetch('/')).json()) as object), [
    'app',
    'docs',
    'openapi',
    'health',
    'services',
    'metrics',
  ]);
  const { things } = world.manifest.services;
  assert.ok(things?.actions['context'] !== undefined);
  world.changeManifest({
    app: 'shop',
    services: {
      things: {
        ...things,
        actions: {
          context: { ...things.actions['context'], http: { method: 'GET', path: '/', status: 200 } },
        },
      },
    },
  });
  assert.match(await (await world.fetch('/')).text(), /"caller":"gateway:public#1@1"/);
  const { index, ...others } = systemRoutes;
  assert.equal(isReservedRoute(index), false);
  for (const path of Object.values(others)) assert.ok(isReservedRoute(path), path);
  for (const path of ['/services/:id/health', '/services/users/health', '/docs/x'])
    assert.ok(isReservedRoute(path), path);
  for (const path of ['/services/:id', '/healthy', '/users/:id/health', '/doc'])
    assert.ok(!isReservedRoute(path), path);
});

const hasPromtool = spawnSync('promtool', ['--version']).status === 0;

test('GET /metrics counts what was answered, by route', async () => {
  await using world = await GatewayWorld.start();
  world.status = status([]);
  for (const path of ['/things/1', '/things/2', '/nothing', '/taken']) await (await world.fetch(path)).text();
  const response = await world.fetch('/metrics');
  assert.equal(response.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8');
  const text = await response.text();
  const labels = 'service="gateway:public",instance="gateway:public#1",gateway="public"';
  assert.ok(
    text.includes(`tutti_http_requests_total{${labels},route="/things/:id",method="GET",status="200"} 2\n`),
    text,
  );
  assert.ok(
    text.includes(`tutti_http_requests_total{${labels},route="none",method="OTHER",status="404"} 1\n`),
  );
  assert.ok(text.includes(`tutti_http_request_seconds_count{${labels},route="/taken",method="GET"} 1\n`));
  assert.ok(text.includes('tutti_shared{name="sent"} 3\n'));
});

test(
  'promtool has nothing to say of /metrics',
  { skip: hasPromtool ? false : 'promtool is not installed: apt-get install prometheus' },
  async () => {
    await using world = await GatewayWorld.start();
    await (await world.fetch('/things/1')).text();
    const { stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], {
      input: await (await world.fetch('/metrics')).text(),
      encoding: 'utf8',
    });
    assert.equal(stdout + stderr, '');
  },
);

const parameterNames = (operation: unknown): unknown =>
  ((operation as { parameters?: { name: string; in: string; required: boolean }[] }).parameters ?? []).map(
    ({ name, in: place, required }) => [name, place, required],
  );

test('the OpenAPI document is valid and says what the manifest says', async () => {
  await using world = await GatewayWorld.start();
  const document = (await (await world.fetch('/openapi.json')).json()) as {
    paths: Record<string, Record<string, Record<string, unknown>>>;
  };
  const { valid, errors } = await new Validator().validate(document);
  assert.ok(valid, JSON.stringify(errors));
  const { paths } = document;
  assert.deepEqual(parameterNames(paths['/things/{id}']?.['get']), [['id', 'path', true]]);
  assert.deepEqual(parameterNames(paths['/things']?.['get']), [
    ['limit', 'query', false],
    ['deep', 'query', false],
    ['tag', 'query', false],
  ]);
  const put = paths['/things/{id}']?.['put'] as {
    requestBody: { content: Record<string, { schema: { properties: object; required: string[] } }> };
  };
  assert.deepEqual(Object.keys(put.requestBody.content['application/json']?.schema.properties ?? {}), [
    'name',
    'quantity',
    'tags',
  ]);
  assert.deepEqual(put.requestBody.content['application/json']?.schema.required, ['name']);
  const post = paths['/things']?.['post'] as {
    responses: Record<string, { description: string }>;
    operationId: string;
  };
  assert.equal(post.operationId, 'things.create');
  assert.deepEqual(Object.keys(post.responses), ['201', '409', 'default']);
  assert.equal(post.responses['409']?.description, 'NAME_TAKEN: The name {name} is taken');
});

test('definitions inside of a schema move to the components of the document', async () => {
  const { manifest } = makeManifest(things);
  const { get } = manifest.actions;
  assert.ok(get !== undefined);
  const tree = {
    type: 'object',
    properties: { children: { type: 'array', items: { $ref: '#' } }, kind: { $ref: '#/$defs/Kind' } },
    $defs: { Kind: { enum: ['a'], description: 'x' } },
  };
  const document = openApiDocument({
    app: 'shop',
    services: { things: { ...manifest, actions: { get: { ...get, output: tree } } } },
  });
  assert.ok((await new Validator().validate(structuredClone(document))).valid);
  const text = JSON.stringify(document);
  assert.ok(!text.includes('$defs') && !text.includes('"$ref":"#"'));
  assert.ok(text.includes('"things.get.output.Kind":{"enum":["a"]'));
});

test('every path of the gateway but its pages is in the document', () => {
  const { index, openapi, docs, docsFile, ...others } = systemRoutes;
  assert.deepEqual([index, openapi, docs, docsFile], ['/', '/openapi.json', '/docs', '/docs/*']);
  assert.deepEqual(
    Object.values(others)
      .map((path) => path.replace(':name', '{name}'))
      .sort(),
    Object.keys(systemPaths).sort(),
  );
});

test('the page of the docs runs only what comes from us', async () => {
  await using world = await GatewayWorld.start();
  const response = await world.fetch('/docs');
  const html = await response.text();
  assert.equal(response.headers.get('content-type'), 'text/html; charset=utf-8');
  assert.match(
    response.headers.get('content-security-policy') ?? '',
    /default-src 'none'; script-src 'self';/,
  );
  assert.doesNotMatch(html, /https?:|<script>| on\w+=/);
  for (const [, path = ''] of html.matchAll(/(?:src|href)="([^"]+)"/g))
    assert.equal((await world.fetch(path)).status, 200, path);
  assert.equal((await world.fetch('/docs/index.html')).status, 404);
});

const chromium = '/usr/bin/chromium';
test(
  'the page of the docs shows the actions in a browser',
  { skip: existsSync(chromium) ? false : 'chromium is not installed: apt-get install chromium' },
  async () => {
    await using world = await GatewayWorld.start();
    const html = await renderedBy(chromium, `${world.gateway.url}/docs`);
    assert.match(html, /class="opblock-tag[^"]*"/);
    assert.match(html, /\/things\/.*\{id\}/);
    assert.match(html, /One thing/);
  },
);

async function renderedBy(browser: string, url: string): Promise<string> {
  const flags = [
    '--headless',
    '--no-sandbox',
    '--disable-gpu',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    '--virtual-time-budget=5000',
    '--dump-dom',
  ];
  const { stdout } = await promisify(execFile)(browser, [...flags, url], {
    maxBuffer: 64 * 1_024 * 1_024,
    timeout: 60_000,
  });
  return stdout;
}
