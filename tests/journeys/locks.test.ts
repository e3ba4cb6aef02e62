/** One holder of a lock at a time, whoever dies or stands still. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isTuttiError } from '../../src/core/errors.ts';
import { hasCode } from '../mesh/mesh-world.ts';
import { Command, fixture, makeHome, pidOf } from './command.ts';

const app = fixture('locks/tutti.ts');

interface Look {
  readonly fence: number;
  readonly isLost: boolean;
}

const ask = async <T>(command: Command, action: string, input: object = {}): Promise<T> => {
  const answer = await command.admin.post<{ output: T }>(
    '/call',
    { action, input, deadlineMs: 20_000 },
    { timeoutMs: 20_000 },
  );
  return answer.output;
};
const take = (command: Command, who: string, input: object = {}): Promise<{ fence: number }> =>
  ask(command, `${who}.take`, input);
const look = (command: Command, who: string): Promise<Look> => ask(command, `${who}.look`);

const isTaken = (error: unknown): boolean =>
  isTuttiError(error) && error.code === 'LOCK_TAKEN' && error.message.includes('first#1@1');

test('a lock is held by one, given on when it is released, and when its holder dies', async () => {
  using home = makeHome();
  await using command = new Command(home.folder, ['start', app]);
  const status = await command.ready();
  const first = await take(command, 'first');
  await assert.rejects(take(command, 'second'), isTaken);
  const waiting = take(command, 'second', { waitMs: 10_000, ttlMs: 3_600_000 });
  await ask(command, 'first.drop');
  const second = await waiting;
  assert.ok(second.fence > first.fence);

  const again = take(command, 'first', { waitMs: 10_000 });
  process.kill(pidOf(status, 'second#1'), 'SIGKILL');
  assert.ok((await again).fence > second.fence);
});

test('a holder that stands still beyond its lease has lost it, and hears of it when it goes on', async () => {
  using home = makeHome();
  await using command = new Command(home.folder, ['start', app]);
  const status = await command.ready();
  const first = await take(command, 'first');
  assert.deepEqual(await look(command, 'first'), { ...first, isLost: false });
  process.kill(pidOf(status, 'first#1'), 'SIGSTOP');
  try {
    const second = await take(command, 'second', { waitMs: 15_000 });
    assert.ok(second.fence > first.fence);
  } finally {
    process.kill(pidOf(status, 'first#1'), 'SIGCONT');
  }
  // It finds out by its own clock, and asks nobody.
  assert.equal((await look(command, 'first')).isLost, true);
  assert.equal((await look(command, 'second')).isLost, false);
});

test('over the death of a supervisor a lock stays with who holds it, and numbers grow over starts of the app', async () => {
  using home = makeHome();
  let last: number;
  {
    await using command = new Command(home.folder, ['start', app]);
    const { pids } = await command.ready();
    // Longer than a supervisor is away on a machine that has little left for it.
    const first = await take(command, 'first', { ttlMs: 3_000 });
    process.kill(pids.supervisor, 'SIGKILL');
    await command.until('its successor is there', (now) => now.pids.supervisor !== pids.supervisor);
    await assert.rejects(take(command, 'second'), isTaken);
    await assert.rejects(take(command, 'second', { waitMs: 4_000 }), hasCode('LOCK_TAKEN'));
    assert.deepEqual(await look(command, 'first'), { ...first, isLost: false }, 'renewed meanwhile');
    // Through the gateway: what the supervisor itself carries is lost with it.
    const url = `${await command.url()}/second/take`;
    const headers = { 'content-type': 'application/json', 'request-timeout': '20' };
    const waiting = fetch(url, { method: 'POST', headers, body: '{"waitMs":15000}' });
    const again = await command.status();
    process.kill(again.pids.supervisor, 'SIGKILL');
    await command.until('another is there', (now) => now.pids.supervisor !== again.pids.supervisor);
    await ask(command, 'first.drop');
    const second = (await (await waiting).json()) as { fence: number };
    assert.ok(second.fence > first.fence);
    last = second.fence;
    command.child.kill('SIGTERM');
    assert.equal(await command.exited, 0);
  }
  await using next = new Command(home.folder, ['start', app]);
  await next.ready();
  assert.ok((await take(next, 'first')).fence > last);
});
