/** Peers that lie about their streams: each costs its own connection or its own stream, and nobody else anything. */
import assert from 'node:assert/strict';
import { createConnection } from 'node:net';
import { test } from 'node:test';
import { bounds } from '../../src/core/bounds.ts';
import { frameFlags, frameKinds, readCredit } from '../../src/mesh/frames.ts';
import type { FrameKind, FrameParts } from '../../src/mesh/frames.ts';
import { helloText } from '../../src/mesh/hello.ts';
import { hasCode, MeshWorld, until } from './mesh-world.ts';
import { bytesOf, connectRogue, rogueCallee, server, stranger } from './rogue.ts';
import type { Rogue } from './rogue.ts';

type Said = readonly [kind: FrameKind, parts: FrameParts];

const credit = (bytes: number): FrameParts => {
  const body = Buffer.alloc(4);
  body.writeUInt32LE(bytes);
  return { body };
};
const half = 'x'.repeat(bounds.streamItemBytes - 100);
const item: Said = [frameKinds.data, { body: JSON.stringify(half) }];

const openStream = (rogue: Rogue, stream: number): void => {
  rogue.say(frameKinds.request, stream, { deadline: Infinity, body: '{}', flags: frameFlags.stream });
};

test('a caller that sends beyond its window, grants what it never got or breaks a credit loses its connection', async () => {
  await using world = new MeshWorld();
  const responder = await world.serve({
    actions: { echo: (input) => input },
    // Begins and reads nothing.
    streams: { a: async (_input, stream) => (stream.begin(true), await new Promise(() => undefined)) },
  });
  const caller = world.caller();
  const lies: readonly (readonly Said[])[] = [
    [item, item, item],
    [[frameKinds.credit, credit(1)]],
    [[frameKinds.credit, credit(0xffff_ffff)]],
    [[frameKinds.credit, { body: Buffer.alloc(3) }]],
    [[frameKinds.credit, {}]],
  ];
  for (const lie of lies) {
    const rogue = await connectRogue(world, world.certificate(stranger, ['users']));
    // The streams come after the actions.
    rogue.say(frameKinds.request, 1, { action: 1, deadline: Infinity, body: '{}', flags: frameFlags.stream });
    await until(() => rogue.kinds.includes(frameKinds.credit));
    for (const [kind, parts] of lie) rogue.say(kind, 1, parts);
    await rogue.closed;
    assert.equal(await caller.call('users', 'echo', 1), 1);
  }
  assert.equal(responder.stats().badFrames, lies.length);
});

test('a caller that sends before the stream has begun loses its connection: there was no credit', async () => {
  await using world = new MeshWorld();
  await world.serve({ streams: { a: () => new Promise(() => undefined) } });
  const rogue = await connectRogue(world, world.certificate(stranger, ['users']));
  openStream(rogue, 1);
  rogue.say(frameKinds.data, 1, { body: '1' });
  await rogue.closed;
});

test('an item that is not JSON ends its stream, for the handler and for who sent it, and not the connection', async () => {
  await using world = new MeshWorld();
  let heard: unknown;
  await world.serve({
    streams: {
      a: async (_input, stream) => {
        stream.begin(true);
        try {
          await stream.items.next();
        } catch (error) {
          heard = error;
          throw error;
        }
      },
    },
  });
  const rogue = await connectRogue(world, world.certificate(stranger, ['users']));
  openStream(rogue, 1);
  await until(() => rogue.kinds.includes(frameKinds.credit));
  rogue.say(frameKinds.data, 1, { body: '{"a":' });
  await until(() => rogue.kinds.includes(frameKinds.error));
  assert.ok(hasCode('PROTOCOL_ERROR')(heard));
  assert.equal(rogue.isClosed, false);
  rogue.connection.destroy();
});

test('a callee that lies about a stream loses its connection, or its stream, and the reader is told', async () => {
  const begun: Said = [frameKinds.credit, credit(0)];
  const cases: readonly { readonly says: readonly Said[]; readonly code: string }[] = [
    { says: [[frameKinds.data, { body: '1' }]], code: 'INSTANCE_LOST' },
    { says: [begun, item, item, item], code: 'INSTANCE_LOST' },
    { says: [begun, [frameKinds.end, {}]], code: 'INSTANCE_LOST' },
    { says: [begun, [frameKinds.credit, credit(2 * bounds.streamWindowBytes)]], code: 'INSTANCE_LOST' },
    { says: [begun, [frameKinds.data, { body: '{"a":' }]], code: 'INVALID_OUTPUT' },
    { says: [begun, [frameKinds.data, { body: '{"__proto__":{}}' }]], code: 'INVALID_OUTPUT' },
  ];
  for (const { says, code } of cases) {
    await using world = new MeshWorld();
    const actions = [{ name: 'a', hash: '', idempotent: false, stream: {} }];
    const listener = await rogueCallee(world, actions, (frame, connection) => {
      if (frame.kind !== frameKinds.request) return;
      for (const [kind, parts] of says) connection.write(bytesOf(kind, frame.stream, parts));
    });
    const caller = world.caller();
    const stream = caller.stream('users', 'a', {});
    // Nothing is read before the connection is lost: only so is a window full.
    if (code === 'INSTANCE_LOST') await assert.rejects(stream.result, hasCode(code));
    await assert.rejects(Array.fromAsync(stream), hasCode(code));
    assert.equal(caller.stats().inFlight, 0);
    await listener.close();
  }
});

test('a reader that stops reading its connection costs its sender the bound of the connection, and others nothing', async () => {
  await using world = new MeshWorld();
  let sent = 0;
  await world.serve({
    actions: { echo: (input) => input },
    streams: {
      flood: async (_input, stream) => {
        stream.begin(false);
        for (;;) {
          await stream.send(half);
          sent += half.length;
        }
      },
    },
  });
  const socket = createConnection(world.address(server));
  socket.on('error', () => undefined);
  socket.pause();
  socket.write(bytesOf(frameKinds.hello, 0, { body: helloText(world.certificate(stranger, ['users'])) }));
  for (let stream = 1; stream <= 100; stream += 1)
    socket.write(
      bytesOf(frameKinds.request, stream, {
        action: 1,
        deadline: Infinity,
        body: '{}',
        flags: frameFlags.stream,
      }),
    );
  const caller = world.caller();
  await until(() => sent > 0);
  for (let n = 0; n < 500; n += 1) assert.equal(await caller.call('users', 'echo', n), n);
  // What the link takes, one item more, and what the system keeps for a socket.
  assert.ok(sent < 4 * bounds.streamLinkBytes, `${String(sent)} bytes were sent to nobody`);
  socket.destroy();
});

test('credit is the sum of what was read, and comes half a window at a time', async () => {
  await using world = new MeshWorld();
  const granted: number[] = [];
  const actions = [{ name: 'a', hash: '', idempotent: false, stream: {} }];
  let sentBytes = 0;
  const listener = await rogueCallee(world, actions, (frame, connection) => {
    if (frame.kind === frameKinds.credit) granted.push(readCredit(frame));
    if (frame.kind !== frameKinds.request) return;
    connection.write(bytesOf(frameKinds.credit, frame.stream, credit(0)));
    for (let n = 0; n < 20; n += 1) {
      const bytes = bytesOf(frameKinds.data, frame.stream, { body: JSON.stringify('x'.repeat(50_000)) });
      sentBytes += bytes.length;
      connection.write(bytes);
    }
    connection.write(bytesOf(frameKinds.response, frame.stream, { body: 'null' }));
  });
  const items = await Array.fromAsync(world.caller().stream('users', 'a', {}));
  assert.equal(items.length, 20);
  assert.ok(sentBytes < bounds.streamWindowBytes);
  await until(() => granted.length > 0);
  assert.ok(granted.every((bytes) => bytes >= bounds.streamWindowBytes / 2));
  await listener.close();
});
