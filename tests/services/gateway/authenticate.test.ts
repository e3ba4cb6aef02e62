/** The authenticate hook: who asks is found out once, at the edge, and by nobody else. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempDisposableSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { z } from 'zod';
import { defineService } from '../../../src/define/service.ts';
import { until } from '../../mesh/mesh-world.ts';
import { GatewayWorld, problemOf, statusIn } from './gateway-world.ts';

const folder = mkdtempDisposableSync(join(tmpdir(), 'tutti-authenticate-'));
let files = 0;
const { href: front } = new URL('../../../src/index.ts', import.meta.url);

/** A gateway whose hooks module has these lines. */
function startWith(lines: string): Promise<GatewayWorld> {
  const hooks = join(folder.path, `hooks-${String((files += 1))}.mjs`);
  writeFileSync(hooks, `import { TuttiError } from ${JSON.stringify(front)};\n${lines}`);
  return GatewayWorld.start({ config: { hooks } });
}

test.after(() => {
  folder.remove();
});

const context = async (world: GatewayWorld, headers: Record<string, string> = {}): Promise<unknown> => {
  const answer = await world.post('/context', '{}', headers);
  return ((await answer.json()) as { identity: unknown }).identity;
};

test('what authenticate says is what the handler gets, and it sees the request without its body', async () => {
  await using world = await startWith(`
    export const authenticate = async ({ method, path, headers, remoteAddress, requestId }) => ({
      user: headers.authorization.slice(7), tenant: 'acme', metadata: { seen: [method, path, remoteAddress, requestId].join(' ') },
    });`);
  assert.deepEqual(await context(world, { authorization: 'Bearer ada', 'x-request-id': 'r1' }), {
    user: 'ada',
    tenant: 'acme',
    metadata: { seen: 'POST /context 127.0.0.1 r1' },
  });
});

test('N-67 no header of a client names a user, with the hook and without', async () => {
  const invented = { 'x-user-id': 'root', x_user_id: 'root', 'x-tenant': 'acme', 'x-metadata': '{"a":"b"}' };
  await using open = await GatewayWorld.start();
  assert.deepEqual(await context(open, invented), { metadata: {} });
  await using world = await startWith('export const authenticate = () => undefined;');
  assert.deepEqual(await context(world, invented), { metadata: {} });
});

for (const [code, status] of Object.entries({ UNAUTHENTICATED: 401, FORBIDDEN: 403 })) {
  test(`a hook that throws ${code} is a ${String(status)}, and nothing is called`, async () => {
    await using world = await startWith(
      `export const authenticate = () => { throw new TuttiError('${code}', { caller: 'Ada', action: 'this' }); };`,
    );
    const answer = await world.post('/context', 'not read');
    assert.equal(answer.status, status);
    assert.equal(answer.headers.get('www-authenticate'), status === 401 ? 'Bearer' : null);
    assert.equal((await problemOf(answer)).code, code);
    assert.equal(
      (await world.fetch('/health')).status,
      200,
      'the paths of the gateway itself are not asked for',
    );
  });
}

const failures: Record<string, string> = {
  'throws an error of its own': `throw new Error('the key is 1234')`,
  'throws a code that is neither 401 nor 403': `throw new TuttiError('NOT_FOUND', { what: 'the key 1234' })`,
  'gives a text': `return '1234'`,
  'gives what nobody knows': `return { usr: '1234' }`,
  'gives a user that is no text': 'return { user: 1234 }',
  'gives an empty user': `return { user: '' }`,
  'gives a tenant too long': `return { tenant: '1234'.repeat(65) }`,
  'gives metadata that is not all text': 'return { metadata: { key: 1234 } }',
  'gives metadata over 4 KiB': `return { metadata: { key: '1234'.repeat(1_024) } }`,
  'gives metadata with __proto__': `return { metadata: JSON.parse('{"__proto__":"1234"}') }`,
  'changes the request': `request.headers.authorization = '1234'`,
};
for (const [what, body] of Object.entries(failures)) {
  test(`a hook that ${what} lets nobody in: 500, and the log says why`, async () => {
    await using world = await startWith(`export async function authenticate(request) { ${body}; }`);
    const answer = await world.fetch('/things/7');
    assert.equal(answer.status, 500);
    assert.ok(!(await answer.text()).includes('1234'));
    assert.equal(
      world.lines.filter(({ sentence }) => sentence.startsWith('The authenticate hook')).length,
      1,
    );
  });
}

test('a hook that does not answer ends with the time of the request, and the action gets what is left of it', async () => {
  await using world = await startWith(`
    export const authenticate = ({ headers }) => new Promise((done) => {
      if (headers.authorization === 'slow') setTimeout(done, 200);
    });`);
  const late = await world.post('/context', '{}', { 'request-timeout': '0.1' });
  assert.equal(late.status, 504);
  const answer = await world.post('/context', '{}', { 'request-timeout': '5', authorization: 'slow' });
  const { remainingMs } = (await answer.json()) as { remainingMs: number };
  assert.ok(remainingMs > 0 && remainingMs <= 4_810, String(remainingMs));
});

test('a client that leaves while the hook runs is not waited for', async () => {
  await using world = await startWith(
    'export const authenticate = () => { globalThis.isAsked = true; return new Promise(() => undefined); };',
  );
  const socket = connect(world.gateway.port, '127.0.0.1');
  socket.write('POST /context HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n');
  await until(() => 'isAsked' in globalThis);
  socket.destroy();
  await once(socket, 'close');
  await world.gateway.drain();
});

const whoami = defineService({
  name: 'whoami',
  actions: (action) => ({
    out: action.stream({ http: 'GET /who', yields: z.string(), run: ({ user }) => [user ?? 'nobody'] }),
    in: action.stream({
      http: 'POST /who',
      items: z.int(),
      output: z.string(),
      run: ({ user }) => user ?? 'nobody',
    }),
    both: action.stream({
      http: 'GET /who/both',
      items: z.int(),
      yields: z.string(),
      run: ({ user }) => [user ?? 'nobody'],
    }),
  }),
});

const upgrade = (headers: readonly string[]): string =>
  [
    'GET /who/both HTTP/1.1',
    ...['Host: localhost', 'Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13'],
    ...['Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', ...headers],
    '\r\n',
  ].join('\r\n');

test('streams and WebSockets are for whom the hook says, and for nobody whom it refuses', async () => {
  await using world = await startWith(`
    export const authenticate = ({ headers }) => {
      if (headers.authorization === undefined) throw new TuttiError('UNAUTHENTICATED');
      return { user: headers.authorization.slice(7) };
    };`);
  await world.serveToo(whoami);
  const headers = { authorization: 'Bearer ada' };
  const lines = { method: 'POST', body: '1\n', headers: { 'content-type': 'application/x-ndjson' } };
  assert.equal((await world.fetch('/who')).status, 401);
  assert.equal((await world.fetch('/who', lines)).status, 401);
  assert.equal(statusIn(await world.raw(upgrade([]))), 401);
  assert.match(await (await world.fetch('/who', { headers })).text(), /^data: "ada"\n/);
  const taken = await world.fetch('/who', { ...lines, headers: { ...lines.headers, ...headers } });
  assert.equal(await taken.text(), '"ada"');
  assert.match(await world.raw(upgrade(['Authorization: Bearer ada'])), /101 Switching[^]*"ada"/);
});
