import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, fstatSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { isTuttiError } from '../../src/core/errors.ts';
import {
  canInheritSockets,
  closeListeningSocket,
  openListeningSocket,
} from '../../src/os/listening-socket.ts';

const refusal = (words: RegExp) => (error: unknown) =>
  isTuttiError(error, 'CONFIG_INVALID') && words.test(error.message);

for (const host of ['127.0.0.1', 'localhost', '::1']) {
  test(`a socket that listens on ${host} takes connections before anybody accepts`, async () => {
    const { fd, port } = await openListeningSocket({ host, port: 0 });
    const early = connect(port, host === 'localhost' ? '127.0.0.1' : host);
    await once(early, 'connect');
    const server = createServer((socket) => socket.end('hello')).listen({ fd });
    const [word] = (await once(early, 'data')) as [Buffer];
    assert.equal(word.toString(), 'hello');
    await assert.rejects(openListeningSocket({ host, port }), refusal(/^Port \d+ on \S+ is taken: /));
    server.close();
    await once(server, 'close');
  });
}

test('a port whose last connections linger is bound again', async () => {
  const { fd, port } = await openListeningSocket({ host: '127.0.0.1', port: 0 });
  const server = createServer((socket) => socket.end()).listen({ fd });
  const client = connect(port, '127.0.0.1').resume();
  await once(client, 'close');
  server.close();
  await once(server, 'close');
  const again = await openListeningSocket({ host: '127.0.0.1', port });
  assert.equal(again.port, port);
  closeListeningSocket(again.fd);
});

test('the descriptor is not inherited by accident', async () => {
  const { fd } = await openListeningSocket({ host: '127.0.0.1', port: 0 });
  const script = `try { require('fs').fstatSync(${String(fd)}); console.log('open') } catch { console.log('closed') }`;
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [word] = (await once(child.stdout, 'data')) as [Buffer];
  assert.equal(word.toString().trim(), 'closed');
  closeListeningSocket(fd);
});

test('an address that is not ours, no address, and rights we lack are said, and no descriptor stays open', async () => {
  const { fd } = await openListeningSocket({ host: '127.0.0.1', port: 0 });
  closeSync(fd);
  await assert.rejects(
    openListeningSocket({ host: '192.0.2.1', port: 0 }),
    refusal(/none of this machine's/),
  );
  for (const host of ['example.org', '', '1.2.3', '::1%lo']) {
    await assert.rejects(openListeningSocket({ host, port: 0 }), refusal(/no IP address/));
  }
  assert.throws(() => fstatSync(fd), { code: 'EBADF' });
});

test('without koffi nothing is inherited, and that is said', () => {
  assert.equal(canInheritSockets(), true);
  const path = JSON.stringify(join(import.meta.dirname, '../../src/os/listening-socket.ts'));
  const script = `
    const { registerHooks } = require('module');
    registerHooks({ resolve: (name, context, next) => { if (name === 'koffi') throw new Error('not here'); return next(name, context); } });
    import(${path}).then(async (os) => {
      console.log(os.canInheritSockets());
      await os.openListeningSocket({ host: '127.0.0.1', port: 0 }).catch((error) => console.log(error.message));
    });`;
  const said = execFileSync(process.execPath, ['-e', script], { encoding: 'utf8' });
  assert.match(said, /^false\nSockets cannot be inherited here/);
});
