/** The onError hook: another shape for every error, whoever found it. */
import assert from 'node:assert/strict';
import { mkdtempDisposableSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { GatewayWorld, statusIn } from './gateway-world.ts';

function hooks(text: string): { path: string } & Disposable {
  const folder = mkdtempDisposableSync(join(tmpdir(), 'tutti-hooks-'));
  const path = join(folder.path, 'hooks.mjs');
  writeFileSync(path, text);
  return {
    path,
    [Symbol.dispose]: () => {
      folder.remove();
    },
  };
}

test('onError shapes errors of actions, of the gateway and of bytes that are no request; the status stays', async () => {
  using file = hooks(
    `export const onError = ({ detail, status }, { requestId, method, path }) => ({ status: 'error', message: detail, request_id: requestId, code: status + 1, at: method + ' ' + path });`,
  );
  await using world = await GatewayWorld.start({ config: { hooks: file.path } });
  const response = await world.fetch('/taken', { headers: { 'x-request-id': 'r1' } });
  assert.equal(response.status, 409);
  assert.equal(response.headers.get('content-type'), 'application/json; charset=utf-8');
  assert.deepEqual(await response.json(), {
    status: 'error',
    message: 'The name this is taken',
    request_id: 'r1',
    code: 410,
    at: 'GET /taken',
  });
  assert.match(await (await world.fetch('/nothing?x=1')).text(), /"at":"GET \/nothing"/);
  const raw = await world.raw('noise\r\n\r\n');
  assert.equal(statusIn(raw), 400);
  assert.match(raw, /\{"status":"error".*"at":" "\}$/);
});

for (const [what, body] of Object.entries({
  throws: `throw new Error('secret')`,
  'gives a promise': 'return Promise.resolve({})',
  'gives a text': `return 'x'`,
  'gives what is no JSON': 'const a = {}; a.a = a; return a',
})) {
  test(`a hook that ${what} is logged, and the plain problem is sent`, async () => {
    using file = hooks(`export function onError() { ${body}; }`);
    await using world = await GatewayWorld.start({ config: { hooks: file.path } });
    const response = await world.fetch('/nothing');
    assert.equal(response.status, 404);
    assert.match(await response.text(), /"code":"NOT_FOUND"/);
    assert.ok(
      world.lines.some(
        ({ level, sentence }) => level === 'error' && sentence.startsWith('The onError hook failed'),
      ),
    );
  });
}

test('a hook that gives nothing leaves the problem as it is', async () => {
  using file = hooks('export const onError = () => undefined;');
  await using world = await GatewayWorld.start({ config: { hooks: file.path } });
  assert.equal(
    (await world.fetch('/nothing')).headers.get('content-type'),
    'application/problem+json; charset=utf-8',
  );
});

test('hooks without onError are refused at start', async () => {
  using file = hooks('export const onErorr = 1;');
  await assert.rejects(GatewayWorld.start({ config: { hooks: file.path } }), { code: 'CONFIG_INVALID' });
});

test('a gateway that others can reach says so', async () => {
  await using world = await GatewayWorld.start({ config: { host: '0.0.0.0', exposed: true } });
  assert.ok(
    world.lines.some(({ level, sentence }) => level === 'warn' && sentence.includes('outside this machine')),
  );
  const answer = await world.raw('GET /things/7 HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n');
  assert.equal(statusIn(answer), 200);
});
