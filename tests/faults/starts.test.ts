/** Starts that the machine or a need does not allow yet. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { test } from 'node:test';
import { fixture, instanceOf, makeHome, pidOf } from '../journeys/command.ts';
import { times } from '../fuzz/chance.ts';
import { WatchedApp } from './watched-app.ts';

const acts = fixture('faults/acts.ts');

test('fault 9: a fork that fails with EAGAIN is tried again later, and works when the system lets it', async (context) => {
  if (spawnSync('strace', ['-V']).error !== undefined) {
    context.skip('needs strace, to make the forks of the keeper fail');
    return;
  }
  using home = makeHome();
  await using app = new WatchedApp(home.folder, acts);
  const before = await app.ready();
  const inject = 'inject=clone,clone3,fork,vfork:error=EAGAIN';
  const strace = spawn(
    'strace',
    ['-p', String(app.pid), '-e', 'trace=clone,clone3,fork,vfork', '-e', inject],
    {
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  );
  await once(strace.stderr, 'data');
  process.kill(pidOf(before, 'actor#1'), 'SIGKILL');
  await app.until('it could not be spawned three times', (now) => {
    const { state, reason, epoch } = instanceOf(now, 'actor#1');
    return state === 'backoff' && /EAGAIN/.test(reason) && epoch >= 4;
  });
  strace.kill('SIGINT');
  await once(strace, 'exit');
  const after = await app.ready();
  assert.deepEqual(after.pids, before.pids, 'keeper and supervisor are the same');
  await app.end();
});

test('fault 18: who needs one that crashes waits through its backoff, and is never started in vain', async () => {
  using home = makeHome();
  const env = { ACTS: 'exit:1,exit:1,exit:1,ready', FOLLOWERS: '2' };
  await using app = new WatchedApp(home.folder, acts, env);
  const waiting = await app.until(
    'its need is in backoff',
    (now) => instanceOf(now, 'actor#1').state === 'backoff',
  );
  assert.equal(instanceOf(waiting, 'follower#1').state, 'pending');
  assert.match(instanceOf(waiting, 'follower#1').reason, /actor/);
  await app.ready();
  const events = app.events().filter(({ type }) => type !== 'app');
  const ready = events.find(({ instance, to }) => instance === 'actor#1@4' && to === 'ready');
  for (const slot of ['follower#1', 'follower#2']) {
    const starts = events.filter(({ instance, to }) => instance.startsWith(`${slot}@`) && to === 'starting');
    assert.equal(starts.length, 1, slot);
    assert.ok((starts[0]?.seq ?? 0) > (ready?.seq ?? Infinity), 'after its need was ready');
  }
  process.kill(pidOf(await app.status(), 'actor#1'), 'SIGKILL');
  const back = await app.until('its need is back', (now) => {
    const { epoch, state } = instanceOf(now, 'actor#1');
    return epoch === 5 && state === 'ready';
  });
  assert.equal(instanceOf(back, 'follower#1').epoch, 1, 'nobody restarts because something else does');
  await app.end();
});

test('fault 35: many instances at once start a few at a time, and all become ready', async () => {
  using home = makeHome();
  const replicas = times(10, 30);
  await using app = new WatchedApp(home.folder, acts, { REPLICAS: String(replicas), ACTS: 'slow:50' });
  await app.until(
    'all are ready',
    ({ services }) => services.find(({ name }) => name === 'actor')?.ready === replicas,
    120_000,
  );
  let starting = 0;
  let most = 0;
  for (const { type, from, to } of app.events()) {
    if (type === 'app') continue;
    if (from !== 'starting' && to === 'starting') starting += 1;
    if (from === 'starting' && to !== 'starting') starting -= 1;
    most = Math.max(most, starting);
  }
  assert.equal(most, Math.min(replicas, 2 * availableParallelism()));
  await app.end();
});
