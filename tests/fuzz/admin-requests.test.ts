/** Bytes on the admin socket: each connection ends, and the server answers the next one. */
import assert from 'node:assert/strict';
import { mkdtempDisposableSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { AdminClient } from '../../src/cli/admin-client.ts';
import { bodyNumber, bodyText, queryNumber } from '../../src/processes/supervisor/admin-request.ts';
import { AdminServer } from '../../src/processes/supervisor/admin-server.ts';
import type { AdminRoute } from '../../src/processes/supervisor/admin-server.ts';
import { Chance, times } from './chance.ts';
import { hostile } from './mutate.ts';
import type { Grammar } from './mutate.ts';

const answer = (run: Extract<AdminRoute, { kind: 'answer' }>['run']): AdminRoute => ({ kind: 'answer', run });

/** They read as the real ones do. */
const routes = {
  'GET /events': answer(({ query }) => queryNumber(query, 'after')),
  'POST /scale': answer((request) => [bodyText(request, 'service'), bodyNumber(request, 'replicas')]),
};

const grammars: readonly [Grammar, ...Grammar[]] = [
  {
    samples: ['{"service":"users","replicas":3}'],
    frame: (body: Buffer) =>
      Buffer.concat([
        Buffer.from(`POST /scale HTTP/1.1\r\nHost: a\r\nContent-Length: ${String(body.length)}\r\n\r\n`),
        body,
      ]),
  },
  {
    samples: [
      'GET /events?after=3&of=users HTTP/1.1\r\nHost: a\r\n\r\n',
      'GET //[ HTTP/1.1\r\nHost: a\r\n\r\n',
    ],
  },
];

/** What came back before the other side closed. */
async function talk(path: string, bytes: Buffer): Promise<string> {
  const socket = connect(path).setEncoding('latin1');
  let said = '';
  socket.on('error', () => undefined).on('data', (text: string) => (said += text));
  // A reset is an end as good as any; `once` would throw it.
  const closed = new Promise((done) => socket.once('close', done));
  socket.end(bytes);
  const limit = setTimeout(() => socket.destroy(), 5_000);
  await closed;
  clearTimeout(limit);
  return said;
}

test('hostile requests are answered with a refusal or nothing, and no stack', async (context) => {
  const chance = new Chance();
  context.diagnostic(`TUTTI_SEED=${String(chance.seed)}`);
  using folder = mkdtempDisposableSync(join(tmpdir(), 'tutti-admin-'));
  const path = join(folder.path, 'admin.sock');
  const server = new AdminServer(path, routes);
  await server.listen();
  const client = new AdminClient(path);
  using parts = new DisposableStack();
  parts.defer(() => {
    client.close();
    server.close();
  });
  for (let n = 0; n < times(400, 20_000); n += 1) {
    const bytes = hostile(chance.pick(grammars), chance);
    const said = await talk(path, bytes);
    const words = `TUTTI_SEED=${String(chance.seed)}, input ${String(n)}: ${said.slice(0, 500)}`;
    assert.match(said, /^($|HTTP\/1\.1 [1-4]\d\d )/, words);
    assert.doesNotMatch(said, /\n\s+at |node:internal/, words);
    if (n % 50 === 0) assert.equal(await client.get('/events?after=7'), 7);
  }
  assert.equal(Object.hasOwn(Object.prototype, 'polluted'), false);
});
