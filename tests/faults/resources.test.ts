/** What restarts leave behind in keeper and supervisor: nothing. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { fixture, instanceOf, makeHome } from '../journeys/command.ts';
import { times } from '../fuzz/chance.ts';
import { WatchedApp } from './watched-app.ts';

interface Held {
  readonly timers: number;
  readonly descriptors: number;
  readonly heapBytes: number;
}

const limitMs = 20_000;

async function heldBy(pid: number, folder: string): Promise<Held> {
  const path = join(folder, `probe-${String(pid)}.json`);
  rmSync(path, { force: true });
  process.kill(pid, 'SIGUSR2');
  for (const until = performance.now() + limitMs; ;) {
    const text = existsSync(path) ? readFileSync(path, 'utf8') : '';
    if (text.endsWith('}')) return JSON.parse(text) as Held;
    assert.ok(performance.now() < until, `${String(pid)} does not answer`);
    await pause(20);
  }
}

test('fault 38: after many restarts keeper and supervisor hold what they held before', async (context) => {
  using home = makeHome();
  const env = {
    ...{ ACTS: 'exit:1', MAX_DELAY: '1', REPLICAS: '3' },
    ...{ NODE_OPTIONS: `--require ${fixture('faults/probe.cjs')}`, PROBE_FOLDER: home.folder },
  };
  await using app = new WatchedApp(home.folder, fixture('faults/acts.ts'), env);
  const slots = ['actor#1', 'actor#2', 'actor#3'];
  /** All are stopped in between, so that both looks find the same. */
  const look = async (restarts: number): Promise<Record<'keeper' | 'supervisor', Held>> => {
    await app.admin.post('/start', { target: 'actor' });
    const { pids } = await app.until(
      `${String(restarts)} restarts`,
      (now) => slots.reduce((sum, slot) => sum + instanceOf(now, slot).epoch, 0) >= restarts,
      1_200_000,
    );
    await app.admin.post('/stop', { target: 'actor' });
    await app.until('all are stopped', (now) =>
      slots.every((slot) => instanceOf(now, slot).state === 'stopped'),
    );
    // The connections of what we asked, and of the last ones that ended, close a moment later.
    await pause(300);
    return {
      keeper: await heldBy(pids.keeper, home.folder),
      supervisor: await heldBy(pids.supervisor, home.folder),
    };
  };
  await app.until('it runs', ({ services }) => services.length > 0);
  const before = await look(times(15, 100));
  const after = await look(times(40, 1_100));
  for (const program of ['keeper', 'supervisor'] as const) {
    const [first, last] = [before[program], after[program]];
    context.diagnostic(`${program}: ${JSON.stringify(first)} -> ${JSON.stringify(last)}`);
    assert.ok(last.timers <= first.timers * 1.05 + 1, `${program}: timers`);
    assert.ok(last.descriptors <= first.descriptors * 1.05 + 1, `${program}: descriptors`);
    // What is remembered on purpose (events, log lines) is bounded, but 1,000 restarts do not reach the bound.
    assert.ok(last.heapBytes <= first.heapBytes * 1.05 + times(2, 12) * 1_048_576, `${program}: memory`);
  }
  await app.end();
});
