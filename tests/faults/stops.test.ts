/** Stops, whatever the one that is stopped is doing. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { fixture, instanceOf, makeHome } from '../journeys/command.ts';
import { livesStill } from '../journeys/processes.ts';
import { Chance, slowTest, times } from '../fuzz/chance.ts';
import { WatchedApp } from './watched-app.ts';

const acts = fixture('faults/acts.ts');

slowTest(
  'fault 20: stopped in backoff, starting, pending or ready, nothing is started later',
  async (context) => {
    const chance = new Chance();
    context.diagnostic(`TUTTI_SEED=${String(chance.seed)}`);
    using home = makeHome();
    const env = {
      ACTS: 'exit:1,slow:100,lives:100,exit:1,exit:1,*',
      MAX_DELAY: '300',
      REPLICAS: '3',
      FOLLOWERS: '1',
    };
    await using app = new WatchedApp(home.folder, acts, env);
    await app.until('it runs', ({ services }) => services.length > 0);
    const phases = new Set<string>();
    const slots = ['actor#1', 'actor#2', 'actor#3', 'follower#1'];
    for (let round = 0; round < times(10, 100); round += 1) {
      for (const target of ['actor', 'follower']) await app.admin.post('/start', { target });
      const phase = chance.pick(['starting', 'backoff', 'ready']);
      await app.until(`one is ${phase}`, (now) =>
        slots.some((slot) => instanceOf(now, slot).state === phase),
      );
      await pause(chance.below(60));
      const at = await app.status();
      for (const slot of slots) phases.add(instanceOf(at, slot).state);
      for (const target of ['actor', 'follower']) await app.admin.post('/stop', { target });
      const stopped = await app.until('all are stopped', (now) =>
        slots.every((slot) => instanceOf(now, slot).state === 'stopped'),
      );
      // Beyond the longest wait that could still be pending.
      await pause(round % 4 === 3 ? 400 : chance.below(30));
      const later = await app.status();
      for (const slot of slots) {
        assert.equal(instanceOf(later, slot).state, 'stopped', `${slot} in round ${String(round)}`);
        assert.equal(instanceOf(later, slot).epoch, instanceOf(stopped, slot).epoch, slot);
      }
    }
    context.diagnostic(`met: ${[...phases].sort().join(', ')}`);
    assert.ok(phases.size >= 2, 'the stops met one state only');
    for (const slot of slots) {
      const starts = app.eventsOf(slot).filter(({ from, to }) => from === 'stopped' && to !== 'stopped');
      assert.ok(starts.length <= times(10, 100) + 1, `${slot} was started more often than asked for`);
    }
    await app.end();
  },
);

test('fault 21: one that hears SIGTERM and does not end is killed when `killAfter` is over', async () => {
  using home = makeHome();
  await using app = new WatchedApp(home.folder, acts, { ACTS: 'deaf' });
  await app.ready();
  await app.admin.post('/stop', { target: 'actor' });
  await app.until('it is stopped', (now) => instanceOf(now, 'actor#1').state === 'stopped');
  const events = app.eventsOf('actor#1');
  const timeOf = (state: string): number => events.findLast(({ to }) => to === state)?.time ?? Number.NaN;
  const drainedMs = timeOf('stopping') - timeOf('draining');
  const killedMs = timeOf('stopped') - timeOf('stopping');
  assert.ok(drainedMs >= 250 && drainedMs < 5_000, `SIGTERM after ${String(drainedMs)} ms`);
  assert.ok(killedMs >= 450 && killedMs < 5_000, `SIGKILL after ${String(killedMs)} ms`);
  await app.end();
});

test('fault 22: the leader ends, its child ignores SIGTERM: the child is gone before `stopped`, and its port is free', async () => {
  using home = makeHome();
  await using app = new WatchedApp(home.folder, acts);
  await app.ready();
  const { output } = await app.admin.post<{ output: { pid: number; port: number } }>('/call', {
    action: 'actor.hold',
  });
  assert.ok(livesStill(output.pid));
  await app.admin.post('/stop', { target: 'actor' });
  await app.until('it is stopped', (now) => instanceOf(now, 'actor#1').state === 'stopped');
  assert.equal(livesStill(output.pid), false);
  await using server = createServer().listen(output.port, '127.0.0.1');
  await once(server, 'listening');
  await app.end();
});
