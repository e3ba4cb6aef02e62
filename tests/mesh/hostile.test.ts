import assert from 'node:assert/strict';
import { createConnection, createServer } from 'node:net';
import { test } from 'node:test';
import { bounds } from '../../src/core/bounds.ts';
import { TuttiError } from '../../src/core/errors.ts';
import type { Certificate } from '../../src/core/certificate.ts';
import { frameKinds } from '../../src/mesh/frames.ts';
import { helloText } from '../../src/mesh/hello.ts';
import { issueCertificate, generateKeys } from '../../src/os/identity.ts';
import { gate, hasCode, MeshWorld, until } from './mesh-world.ts';
import { bytesOf, connectRogue, rogueCallee, server, stranger } from './rogue.ts';
import type { Rogue } from './rogue.ts';

const echo = (input: unknown): unknown => input;

test('N-15 a certificate with one bit changed, of another run or of a replaced epoch is closed and logged', async () => {
  await using world = new MeshWorld();
  const responder = await world.serve({ actions: { echo } });
  world.list({ ...stranger, epoch: 2, address: 'nowhere' });
  const good = world.certificate({ ...stranger, epoch: 2 }, ['users']);
  const forged: Certificate[] = [
    issueCertificate(
      { app: 'test', ...stranger, epoch: 2, mayCall: ['*'], issuedAt: 0 },
      generateKeys().privateKey,
    ),
    world.certificate(stranger, ['users']),
    { ...good, text: good.text.replace('orders', 'admins') },
    { text: '', signature: '' },
  ];
  for (let at = 0; at < good.text.length; at += 7) {
    const letter = String.fromCharCode(good.text.charCodeAt(at) ^ 1);
    forged.push({ ...good, text: good.text.slice(0, at) + letter + good.text.slice(at + 1) });
  }
  for (const certificate of forged) {
    const rogue = await connectRogue(world, certificate);
    await rogue.closed;
    assert.deepEqual(rogue.kinds, []);
  }
  assert.equal(responder.stats().strangersClosed, forged.length);
  assert.equal(world.lines.filter(({ level }) => level === 'warn').length, forged.length);
  const honest = await connectRogue(world, good);
  assert.deepEqual(honest.kinds, [frameKinds.welcome]);
  honest.connection.destroy();
});

test('N-15 a caller closes when somebody else answers at the address', async () => {
  await using world = new MeshWorld();
  await world.serve({ actions: { echo } });
  world.list({ service: 'payments', slot: 1, epoch: 1, address: world.address(server) });
  const caller = world.caller({ mayCall: ['*'] });
  await assert.rejects(
    caller.call('payments', 'echo', 'secret'),
    (error: Error & { data?: { reason?: string } }) => {
      assert.ok(hasCode('CONNECTION_REFUSED', { executed: 'no' })(error));
      assert.equal(error.data?.reason, 'payments#1@1 was wanted and users#1@1 answered');
      return true;
    },
  );
});

test('N-18 any frame before hello closes the connection', async () => {
  await using world = new MeshWorld();
  const responder = await world.serve({ actions: { echo } });
  for (const kind of Object.values(frameKinds)) {
    const rogue = await connectRogue(world);
    rogue.say(kind, 1, { body: '{}' });
    if (kind === frameKinds.ping || kind === frameKinds.pong)
      rogue.say(frameKinds.request, 1, { body: '{}' });
    await rogue.closed;
    assert.ok(!rogue.kinds.includes(frameKinds.response));
  }
  assert.equal(responder.stats().requests, 0);
  assert.equal(responder.stats().strangersClosed, Object.values(frameKinds).length);
});

test('N-18 1,000 connections that say nothing: 64 are kept for 2 s, the others closed at once, and a service is served', async () => {
  await using world = new MeshWorld();
  const responder = await world.serve({ actions: { echo } });
  const caller = world.caller();
  await caller.call('users', 'echo', 1);
  const rogues: Rogue[] = [];
  while (rogues.length < 1_000) {
    rogues.push(...(await Promise.all(Array.from({ length: 200 }, () => connectRogue(world)))));
  }
  await until(() => rogues.filter(({ isClosed }) => isClosed).length >= 1_000 - bounds.strangers);
  assert.equal(await caller.call('users', 'echo', 2), 2);
  await Promise.all(rogues.map(({ closed }) => closed));
  await until(() => responder.stats().strangersClosed === 1_000);
  await world.caller({ service: 'other' }).call('users', 'echo', 3);
});

test('N-31 who calls is in the certificate: an envelope that claims otherwise changes nothing', async () => {
  await using world = new MeshWorld();
  const seen = gate();
  let caller = '';
  await world.serve({
    actions: {
      look: (_input, call) => {
        caller = call.context.caller;
        seen.open();
      },
    },
  });
  const rogue = await connectRogue(world, world.certificate(stranger, ['users']));
  const envelope = JSON.stringify({ caller: 'admin#1@1', metadata: { caller: 'admin#1@1' } });
  rogue.say(frameKinds.request, 1, { body: '{}', deadline: Infinity, envelope });
  await seen.opened;
  assert.equal(caller, 'orders#1@1');
  await until(() => rogue.kinds.length === 2);
  for (const bad of ['[]', '{"requestId":7}', '{"metadata":{"a":1}}', 'no json', '{"idempotencyKey":""}']) {
    const other = await connectRogue(world, world.certificate(stranger, ['users']));
    other.say(frameKinds.request, 1, { body: '{}', deadline: Infinity, envelope: bad });
    await other.closed;
  }
  rogue.connection.destroy();
});

test('N-32 a call that the certificate does not allow is FORBIDDEN and logged with both names', async () => {
  await using world = new MeshWorld();
  let runs = 0;
  const responder = await world.serve({ actions: { count: () => (runs += 1) } });
  const caller = world.caller({ mayCall: ['mail'] });
  await assert.rejects(
    caller.call('users', 'count', {}),
    hasCode('FORBIDDEN', { caller: 'orders#1@1', action: 'users.count' }),
  );
  assert.equal(runs, 0);
  assert.equal(responder.stats().forbidden, 1);
  const line = world.lines.find(({ level }) => level === 'warn');
  assert.equal(line?.fields['caller'], 'orders#1@1');
  assert.equal(line.fields['action'], 'users.count');
});

test('N-49 __proto__ in a request is INVALID_INPUT for that call, in an answer INVALID_OUTPUT, and the connection goes on', async () => {
  await using world = new MeshWorld();
  const hostile = JSON.parse('{"__proto__":{"isAdmin":true}}') as unknown;
  const failing = (): never => {
    throw new TuttiError('CONFLICT', { what: hostile });
  };
  await world.serve({ actions: { echo, hostile: () => hostile, failing } });
  const caller = world.caller();
  await assert.rejects(caller.call('users', 'echo', hostile), hasCode('INVALID_INPUT'));
  await assert.rejects(
    caller.call('users', 'hostile', {}),
    hasCode('INVALID_OUTPUT', { action: 'users.hostile' }),
  );
  await assert.rejects(caller.call('users', 'failing', {}), hasCode('INVALID_OUTPUT'));
  assert.equal(await caller.call('users', 'echo', 1), 1);
  assert.equal(({} as Record<string, unknown>)['isAdmin'], undefined);
});

test('N-61 what breaks the protocol closes its own connection, is counted, and hurts nobody else', async () => {
  await using world = new MeshWorld();
  const responder = await world.serve({ actions: { echo, hang: () => new Promise(() => undefined) } });
  const caller = world.caller();
  const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
  const request = frameKinds.request;
  const raw = (length: number): Buffer => {
    const bytes = bytesOf(request, 1);
    bytes.writeUInt32LE(length, 0);
    return bytes;
  };
  const unknownKind = bytesOf(request, 1);
  unknownKind[4] = 99;
  const twice = bytesOf(request, 7, { action: 1, deadline: Infinity, body: '{}' });
  const cases = [
    ...[0, 2 ** 31, 2 ** 32 - 1].map(raw),
    unknownKind,
    bytesOf(request, 1, { action: 2, body: '{}' }),
    bytesOf(request, 1, { action: 65_535, body: '{}' }),
    bytesOf(request, 0, { body: '{}' }),
    Buffer.concat([twice, twice]),
    bytesOf(request, 1, { body: '{"a":' }),
    bytesOf(request, 1, { body: deep }),
    bytesOf(frameKinds.event, 0, { action: 0, body: '{}' }),
    ...[frameKinds.hello, frameKinds.welcome, frameKinds.response].map((kind) => bytesOf(kind, 1)),
    // Items for a call that is no stream.
    ...[frameKinds.data, frameKinds.credit, frameKinds.end].map((kind) =>
      Buffer.concat([twice, bytesOf(kind, 7, { body: '1' })]),
    ),
  ];
  for (const bytes of cases) {
    const rogue = await connectRogue(world, world.certificate(stranger, ['users']));
    rogue.connection.write(bytes);
    await rogue.closed;
    assert.equal(await caller.call('users', 'echo', 1), 1);
  }
  assert.equal(responder.stats().badFrames, cases.length);
  const harmless = await connectRogue(world, world.certificate(stranger, ['users']));
  harmless.say(frameKinds.cancel, 12_345);
  // It may have crossed the answer of its stream.
  harmless.say(frameKinds.data, 12_345, { body: '1' });
  harmless.say(frameKinds.ping, 5);
  await until(() => harmless.kinds.includes(frameKinds.pong));
  harmless.connection.destroy();
});

test('N-61 a callee that answers nonsense costs its connection: the call is lost, not left waiting', async () => {
  for (const [kind, parts] of [
    [frameKinds.response, { body: '{"a":' }],
    [frameKinds.error, { body: '{}' }],
    [frameKinds.error, { body: '{"code":"X","message":"m","data":{},"http":1}' }],
    [frameKinds.request, { body: '{}' }],
  ] as const) {
    await using world = new MeshWorld();
    const actions = [{ name: 'echo', hash: '', idempotent: false }];
    const listener = await rogueCallee(world, actions, (frame, connection) => {
      connection.write(bytesOf(frameKinds.response, 999, { body: '"nobody asked"' }));
      connection.write(bytesOf(kind, frame.stream, parts));
    });
    const caller = world.caller();
    await assert.rejects(caller.call('users', 'echo', 1), hasCode('INSTANCE_LOST', { executed: 'unknown' }));
    assert.equal(caller.stats().lateAnswers, 1);
    await listener.close();
  }
});

test('a callee that stops reading costs its caller a bounded queue, then OVERLOADED at once', async () => {
  await using world = new MeshWorld();
  const welcome = JSON.stringify({
    protocol: 1,
    certificate: world.certificate(server),
    actions: [{ name: 'take', hash: '', idempotent: false }],
    events: [],
  });
  const deaf = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => {
      socket.pause();
      socket.write(bytesOf(frameKinds.welcome, 0, { body: welcome }));
    });
  });
  const address = world.address(server);
  await new Promise<void>((resolve) => deaf.listen(address, resolve));
  world.list({ ...server, address });
  const caller = world.caller();
  const input = 'x'.repeat(1_000_000);
  const before = process.memoryUsage();
  const abort = new AbortController();
  const options = { deadlineMs: 60_000, signal: abort.signal };
  const calls = Array.from({ length: 200 }, () => caller.call('users', 'take', input, options));
  const settled = Promise.allSettled(calls);
  await until(() => caller.stats().failures >= 180);
  abort.abort();
  const codes = (await settled).map((result) =>
    result.status === 'rejected' ? (result.reason as { code: string }).code : 'answered',
  );
  const overloaded = codes.filter((code) => code === 'OVERLOADED').length;
  assert.ok(overloaded >= 180, `${String(overloaded)} of 200 were turned away`);
  assert.ok(codes.every((code) => code === 'OVERLOADED' || code === 'CANCELLED'));
  const after = process.memoryUsage();
  assert.ok(after.arrayBuffers - before.arrayBuffers < 4 * bounds.outgoingBytes);
  await caller.close();
  deaf.close();
});

test('a caller that does not read its answers is told OVERLOADED, then cut off', async () => {
  await using world = new MeshWorld();
  const answer = 'x'.repeat(1_000_000);
  const responder = await world.serve({ actions: { large: () => answer, small: () => 1 } });
  const socket = createConnection(world.address(server));
  socket.on('error', () => undefined);
  socket.pause();
  let stream = 0;
  const request = (action: number): Buffer =>
    bytesOf(frameKinds.request, (stream += 1), { action, deadline: Infinity, body: '1' });
  const requests = (count: number, action: number): Buffer =>
    Buffer.concat(Array.from({ length: count }, () => request(action)));
  socket.write(bytesOf(frameKinds.hello, 0, { body: helloText(world.certificate(stranger, ['users'])) }));
  socket.write(requests(12, 0));
  // Each refused answer is a few hundred bytes: tens of thousands fill the second half of the bound.
  for (let batch = 0; batch < 50; batch += 1) socket.write(requests(1_000, 1));
  await until(() => responder.stats().badFrames === 1);
  assert.ok(responder.stats().requests > 1_000);
  socket.destroy();
  const line = world.lines.find(({ fields }) => fields['reason'] === 'the other side does not read');
  assert.equal(line?.fields['caller'], 'orders#1@1');
});
