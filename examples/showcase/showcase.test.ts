/** That `npm start` shows what the README says it shows, and that each of its gateways serves its own half. */
import assert from 'node:assert/strict';
import { mkdtempDisposableSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { startTestApp } from 'tutti/testing';
import showcase from './tutti.ts';

test('the first screen of the README has the rows of the app, in their order', () => {
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
  const [screen = ''] = /^showcase is ready[^]*?```/m.exec(readme) ?? [];
  const rows = [...screen.matchAll(/^ {2}(\S+(?: \S+)?) +\d+ of \d+ [ \d.]+?(?:(http:\S+))?$/gm)];
  const gateways = Object.entries(showcase.gateways ?? {});
  assert.deepEqual(
    rows.map(([, name, url]) => [name, url]),
    [
      ...Object.keys(showcase.services).map((name) => [name, undefined]),
      ...gateways.map(([name, { port = 0 }]) => [`gateway ${name}`, `http://127.0.0.1:${String(port)}`]),
      ['store main', undefined],
    ],
  );
});

test('both examples are there, each behind its own gateways', async () => {
  using folder = mkdtempDisposableSync(join(tmpdir(), 'showcase-'));
  const env = {
    DATABASE_URL: `sqlite:${folder.path}`,
    ...{ GATEWAY_PORT: '0', FIBONACCI_API_PORT: '0', FIBONACCI_WORKER_PORT: '0' },
  };
  await using app = await startTestApp(new URL('./tutti.ts', import.meta.url), { env });
  const served = ['/users', '/list-all', '/all'];
  const statuses = async (gateway: string): Promise<number[]> =>
    Promise.all(served.map(async (path) => (await fetch(new URL(path, app.gatewayUrl(gateway)))).status));
  assert.deepEqual(await statuses('public'), [200, 404, 404]);
  assert.deepEqual(await statuses('fibonacci-api'), [404, 200, 404]);
  assert.deepEqual(await statuses('fibonacci-worker'), [404, 404, 200]);
  const unknown = await fetch(new URL('/users/99', app.gatewayUrl('public')));
  assert.equal(((await unknown.json()) as { status: string }).status, 'error', 'in the shape of the shop');
  const problem = await fetch(new URL('/job/99', app.gatewayUrl('fibonacci-api')));
  assert.equal(((await problem.json()) as { code: string }).code, 'NOT_FOUND', 'a problem as it is');
});
