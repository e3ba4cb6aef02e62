import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
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

function twice(server: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    let count = 0;
    server.on('message', () => {
      count += 1;
      if (count === 2) resolve();
    });
  });
}
