import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { connect } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import type { CertificateClaims } from '../../../src/core/certificate.ts';
import type { InstanceMessage } from '../../../src/mesh/control-protocol.ts';
import { systemClock } from '../../../src/os/clock.ts';
import { generateKeys, issueCertificate, makeVerifier } from '../../../src/os/identity.ts';
import { encodeFrame } from '../../../src/os/json-frames.ts';
import { ControlServer } from '../../../src/processes/supervisor/control-server.ts';
import { TemporaryFolder } from '../../os/temporary-folder.ts';

const keys = generateKeys();
const claimsOf = (epoch: number): CertificateClaims => ({
  ...{ app: 'test', service: 'users', slot: 1, epoch },
  mayCall: [],
  issuedAt: 1,
});
const helloOf = (claims: CertificateClaims, privateKey = keys.privateKey): InstanceMessage => ({
  op: 'hello',
  protocol: 1,
  certificate: issueCertificate(claims, privateKey),
  phase: 'ready',
  manifestHash: '',
});

/** A control server of which `world.epoch` is who runs now. */
async function makeWorld() {
  const folder = new TemporaryFolder();
  const path = join(folder.path, 'control.sock');
  const world = { epoch: 1, hellos: [] as string[], heard: [] as string[], warned: [] as string[] };
  const server = new ControlServer({
    path,
    clock: systemClock,
    log: {
      debug: () => undefined,
      info: () => undefined,
      warn: (_text, fields) => world.warned.push(String(fields?.['reason'])),
      error: () => undefined,
    },
    verify: makeVerifier(keys.publicKey),
    isCurrent: ({ epoch }) => epoch === world.epoch,
    onHello: ({ epoch }) => world.hellos.push(String(epoch)),
    onMessage: (_id, { op }) => world.heard.push(op),
  });
  await server.listen();
  const sockets: Socket[] = [];
  const dial = async (): Promise<Socket> => {
    const socket = connect(path);
    sockets.push(socket.on('error', () => undefined).resume());
    await once(socket, 'connect');
    return socket;
  };
  return {
    ...{ world, server, dial },
    [Symbol.dispose]: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      folder[Symbol.dispose]();
    },
  };
}

const until = async (isSo: () => boolean): Promise<void> => {
  const limit = AbortSignal.timeout(10_000);
  while (!isSo()) {
    limit.throwIfAborted();
    await new Promise(setImmediate);
  }
};

test('N-15 a certificate with a byte changed, of another run or of an old epoch is closed and logged', async () => {
  using made = await makeWorld();
  const { world, server, dial } = made;
  world.epoch = 2;
  const good = JSON.stringify(helloOf(claimsOf(2)));
  const from = good.indexOf('"certificate"');
  const forged = Array.from({ length: 40 }, (_, n) => {
    const at = from + 25 + n * Math.floor((good.indexOf('"phase"') - from - 30) / 40);
    return good.slice(0, at) + (good[at] === 'a' ? 'b' : 'a') + good.slice(at + 1);
  }).map((text) => {
    const head = Buffer.alloc(4);
    head.writeUInt32BE(Buffer.byteLength(text));
    return Buffer.concat([head, Buffer.from(text)]);
  });
  const others = [helloOf(claimsOf(1)), helloOf(claimsOf(2), generateKeys().privateKey)].map(encodeFrame);
  for (const bytes of [...forged, ...others]) {
    const socket = await dial();
    const closed = once(socket, 'close');
    socket.write(bytes);
    await closed;
  }
  await until(() => server.refused === 42);
  assert.deepEqual(world.hellos, []);
  assert.ok(world.warned.some((reason) => /users#1@1 is not who runs now/.test(reason)));
  const socket = await dial();
  socket.write(encodeFrame(helloOf(claimsOf(2))));
  await until(() => world.hellos.length === 1);
});

test('N-18 who says something else first, or nothing, is closed and never queued', async () => {
  using made = await makeWorld();
  const { world, server, dial } = made;
  const socket = await dial();
  const closed = once(socket, 'close');
  socket.write(encodeFrame({ op: 'ready', manifestHash: '' }));
  await closed;
  const silent = await Promise.all(Array.from({ length: 200 }, dial));
  await Promise.all(silent.filter(({ closed }) => !closed).map((one) => once(one, 'close')));
  await until(() => server.refused === 201);
  assert.deepEqual(world.heard, []);
  const next = await dial();
  next.write(encodeFrame(helloOf(claimsOf(1))));
  await until(() => world.hellos.length === 1);
});

test('what an earlier process said last does not count for the next one of its slot', async () => {
  using made = await makeWorld();
  const { world, server, dial } = made;
  const old = await dial();
  old.write(encodeFrame(helloOf(claimsOf(1))));
  await until(() => world.hellos.length === 1);
  world.epoch = 2;
  const closed = once(old, 'close');
  assert.equal(
    server.send('users#1', { op: 'drain', timeoutMs: 1, maxMs: 1, reason: '' }),
    false,
    'nor is it told',
  );
  old.write(encodeFrame({ op: 'ready', manifestHash: '' }));
  await closed;
  assert.deepEqual(world.heard, []);
});

test('the last words of one that ends are heard before `left` resolves', async () => {
  using made = await makeWorld();
  const { world, server, dial } = made;
  const socket = await dial();
  socket.write(encodeFrame(helloOf(claimsOf(1))));
  await until(() => world.hellos.length === 1);
  socket.end(encodeFrame({ op: 'failed', message: 'the database is not there' }));
  await server.left('users#1', 60_000);
  assert.deepEqual(world.heard, ['failed']);
  await server.left('users#1', 60_000);
});
