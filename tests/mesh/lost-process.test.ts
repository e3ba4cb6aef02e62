import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import type { Transport } from '../../src/mesh/transport/transport.ts';
import { unixTransport } from '../../src/mesh/transport/unix.ts';
import { hasCode, MeshWorld } from './mesh-world.ts';
import { startServer } from './server-process.ts';

test('SIGKILL of an instance: what was in flight is INSTANCE_LOST at once or runs elsewhere, what follows is served', async () => {
  await using world = new MeshWorld();
  const first = await startServer(world, { slot: 1 });
  world.list({ service: 'users', slot: 1, epoch: 1, address: world.address({ service: 'users', slot: 1 }) });
  const caller = world.caller();
  assert.equal(await caller.call('users', 'pid', {}), first.pid);
  const patience = { deadlineMs: 60_000 };
  const bothArrived = twice(first);
  const harmless = caller.call('users', 'hangOnce', {}, patience);
  const lost = assert.rejects(
    caller.call('users', 'hang', {}, patience),
    hasCode('INSTANCE_LOST', { instance: 'users#1@1', executed: 'unknown' }),
  );
  await bothArrived;
  const second = await startServer(world, { slot: 2 });
  world.list({ service: 'users', slot: 2, epoch: 1, address: world.address({ service: 'users', slot: 2 }) });
  const gone = once(first, 'exit');
  first.kill('SIGKILL');
  await lost;
  assert.equal(await harmless, second.pid);
  await gone;
  // The registry still lists both: only the connection tells.
  const answers = await Promise.all(Array.from({ length: 50 }, () => caller.call('users', 'pid', {})));
  assert.ok(answers.every((pid) => pid === second.pid));
  assert.equal(caller.stats().retries, 1);
  second.kill('SIGKILL');
  await once(second, 'exit');
});

test('SIGKILL of an instance that has accepted a connection and not said its hello: none of what waits is lost, each is made elsewhere', async () => {
  await using world = new MeshWorld();
  const first = await startServer(world, { slot: 1 });
  const second = await startServer(world, { slot: 2 });
  // Its system still accepts for it.
  first.kill('SIGSTOP');
  const one = { service: 'users', slot: 1, epoch: 1 };
  world.list({ ...one, address: world.address(one) });
  const { transport, connected } = watchedTransport();
  const caller = world.caller({ transport });
  const answers = Array.from({ length: 100 }, (_, at) =>
    caller.call('users', 'once', at, { deadlineMs: 60_000 }),
  );
  await connected;
  const two = { service: 'users', slot: 2, epoch: 1 };
  world.list({ ...two, address: world.address(two) });
  assert.equal(caller.stats().inFlight, answers.length);
  const gone = once(first, 'exit');
  first.kill('SIGKILL');
  assert.deepEqual(await Promise.all(answers), [...answers.keys()]);
  await gone;
  // Of an action that must not be made twice: nothing had begun.
  const { calls, failures, retries, inFlight } = caller.stats();
  assert.deepEqual(
    { calls, failures, retries, inFlight },
    { calls: 100, failures: 0, retries: 0, inFlight: 0 },
  );
  const told = world.lines.filter(({ sentence }) => sentence === 'An instance was not reached');
  assert.deepEqual(told, [
    {
      level: 'warn',
      sentence: 'An instance was not reached',
      fields: { instance: 'users#1@1', reason: 'closed' },
    },
  ]);
  second.kill('SIGKILL');
  await once(second, 'exit');
});

/** Tells of the first connection that was made. */
function watchedTransport(): { transport: Transport; connected: Promise<void> } {
  const unix = unixTransport();
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const connect: Transport['connect'] = async (address, timeoutMs) => {
    const connection = await unix.connect(address, timeoutMs);
    resolve(undefined);
    return connection;
  };
  return { transport: { ...unix, connect }, connected: promise };
}

function twice(server: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    let count = 0;
    server.on('message', () => {
      count += 1;
      if (count === 2) resolve();
    });
  });
}
