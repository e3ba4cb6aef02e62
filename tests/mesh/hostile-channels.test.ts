/** Peers that lie about what they took, or do not wait: each costs its own connection or its own channel, and nobody else anything. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bounds } from '../../src/core/bounds.ts';
import { frameFlags, frameKinds } from '../../src/mesh/frames.ts';
import type { FrameKind, FrameParts } from '../../src/mesh/frames.ts';
import { hasCode, MeshWorld, until } from './mesh-world.ts';
import { bytesOf, connectRogue, rogueCallee, stranger } from './rogue.ts';

type Said = readonly [kind: FrameKind, parts: FrameParts];

const credit = (bytes: number): Said => {
  const body = Buffer.alloc(4);
  body.writeUInt32LE(bytes);
  return [frameKinds.credit, { body }];
};
const message = (body: string): Said => [frameKinds.data, { body }];
const sizeOf = ([kind, parts]: Said): number => bytesOf(kind, 1, parts).length;
const never = new Promise<undefined>(() => undefined);
const oneByte = sizeOf(message('1'));

test('a caller that acknowledges what was not sent, twice or in part loses its connection, and nobody else anything', async () => {
  await using world = new MeshWorld();
  const ends: unknown[] = [];
  const responder = await world.serve({
    actions: { echo: (input) => input },
    channels: {
      talks: async (_input, stream) => {
        stream.begin(true);
        await stream.messages?.send(1).catch((error: unknown) => ends.push(error));
        await never;
      },
    },
  });
  const caller = world.caller();
  const lies: readonly (readonly Said[])[] = [
    [credit(oneByte - 1)],
    [credit(oneByte + 1)],
    [credit(oneByte), credit(oneByte)],
    [credit(bounds.streamWindowBytes)],
  ];
  for (const lie of lies) {
    const rogue = await connectRogue(world, world.certificate(stranger, ['users']));
    rogue.say(frameKinds.request, 1, { action: 1, deadline: Infinity, body: '{}', flags: frameFlags.stream });
    await until(() => rogue.kinds.includes(frameKinds.data));
    for (const [kind, parts] of lie) rogue.say(kind, 1, parts);
    await rogue.closed;
    assert.equal(await caller.call('users', 'echo', 1), 1);
  }
  await until(() => responder.stats().badFrames === lies.length);
  // The one that was acknowledged before the lie was taken.
  await until(() => ends.length === lies.length - 1);
  for (const end of ends) assert.ok(hasCode('CANCELLED', { executed: 'unknown' })(end));
});

test('a callee that acknowledges what was not sent, twice or in part loses its connection: that message is not known to be taken', async () => {
  const cases: readonly { readonly answers: readonly Said[]; readonly isTaken: boolean }[] = [
    { answers: [credit(oneByte - 1)], isTaken: false },
    { answers: [credit(2 * oneByte)], isTaken: false },
    { answers: [credit(oneByte), credit(oneByte)], isTaken: true },
    { answers: [[frameKinds.credit, { body: Buffer.alloc(3) }]], isTaken: false },
    { answers: [message('{"a":')], isTaken: false },
  ];
  for (const { answers, isTaken } of cases) {
    await using world = new MeshWorld();
    const actions = [{ name: 'a', hash: '', idempotent: false, stream: { isChannel: true } }];
    const listener = await rogueCallee(world, actions, ({ kind, stream }, connection) => {
      const says =
        kind === frameKinds.request
          ? [credit(bounds.streamWindowBytes)]
          : kind === frameKinds.data
            ? answers
            : [];
      for (const [said, parts] of says) connection.write(bytesOf(said, stream, parts));
    });
    const caller = world.caller();
    const channel = await caller.channel('users', 'a', {});
    const sent = channel.send(1);
    const reading = Array.fromAsync(channel);
    await assert.rejects(
      reading,
      (error) => hasCode('INSTANCE_LOST')(error) || hasCode('INVALID_OUTPUT')(error),
    );
    if (isTaken) await sent;
    else
      await assert.rejects(
        sent,
        (error) => (error as { data: { executed?: string } }).data.executed === 'unknown',
      );
    assert.equal(caller.stats().inFlight, 0);
    await listener.close();
  }
});

test('a caller that sends beyond its window though nothing was taken loses its connection', async () => {
  await using world = new MeshWorld();
  const seen: unknown[] = [];
  const responder = await world.serve({
    channels: {
      // Takes one, and does not say so.
      a: async (_input, stream) => {
        stream.begin(true);
        seen.push(await stream.items.next());
        await never;
      },
    },
  });
  const rogue = await connectRogue(world, world.certificate(stranger, ['users']));
  rogue.say(frameKinds.request, 1, { deadline: Infinity, body: '{}', flags: frameFlags.stream });
  await until(() => rogue.kinds.includes(frameKinds.credit));
  const [kind, parts] = message(JSON.stringify('x'.repeat(bounds.streamItemBytes - 100)));
  for (let n = 0; n < 3; n += 1) rogue.say(kind, 1, parts);
  await rogue.closed;
  assert.equal(seen.length, 1);
  await until(() => responder.stats().badFrames === 1);
});
