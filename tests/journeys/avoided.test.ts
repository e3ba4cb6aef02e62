/** Who is not asked by whom is seen from outside, and not any longer than it is so. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { AvoidedStatus } from '../../src/core/avoided.ts';
import type { EventPage } from '../../src/core/events.ts';
import type { AppStatus } from '../../src/core/status.ts';
import { Command, fixture, instanceOf, makeHome, pidOf } from './command.ts';
import { slowTest } from '../fuzz/chance.ts';

const app = fixture('journey/tutti.ts');
const bin = fileURLToPath(new URL('../../bin/tutti.js', import.meta.url));

const fail = (url: string): Promise<Response> =>
  fetch(`${url}/say/slow?waitMs=2000`, { headers: { 'request-timeout': '0.1' } });
const isServed = async (url: string): Promise<boolean> => (await fetch(`${url}/say/quick`)).ok;

/** Asks until it is not asked for any more: a call that a busy machine does not carry so far in time speaks against nobody. */
async function open(command: Command, url: string): Promise<AvoidedStatus> {
  assert.ok(await isServed(url));
  let code: string | undefined;
  for (let n = 0; n < 100 && code !== 'CIRCUIT_OPEN'; n += 1)
    ({ code } = (await (await fail(url)).json()) as { code?: string });
  assert.equal(code, 'CIRCUIT_OPEN');
  const { avoided } = await command.until('it is known', (status) => status.avoided.length > 0);
  assert.equal(avoided.length, 1);
  return avoided[0] as AvoidedStatus;
}

async function told(command: Command): Promise<string[]> {
  const { events } = await command.admin.get<EventPage>('/events');
  const found = events.filter((event) => event.type === 'app' && event.name.startsWith('breaker:'));
  return found.map(({ reason }) => reason);
}

test('an action that is not asked for shows in status and why, over the death of the supervisor, until it is asked for again', async () => {
  using home = makeHome();
  await using command = new Command(home.folder, ['start', app]);
  await command.ready();
  const url = await command.url();
  const { probeAt, since, ...held } = (await open(command, url)) as AvoidedStatus & { probeAt: number };
  assert.deepEqual(held, {
    ...{ kind: 'breaker', instance: 'echo#1@1', action: 'say', failures: 5, last: 'CALL_TIMED_OUT' },
    by: 'gateway:public#1@1',
  });
  // Heard a moment after it opened, on a busy machine a long one.
  assert.ok(probeAt - since <= 1_000 && probeAt - since > -10_000, `${String(probeAt)} ${String(since)}`);

  const run = (...args: string[]): string => {
    const env = {
      ...process.env,
      NO_COLOR: '1',
      XDG_RUNTIME_DIR: home.folder,
      TUTTI_STATE_DIR: `${home.folder}/.tutti`,
    };
    return spawnSync(process.execPath, [bin, ...args, '--app', app], {
      env,
      encoding: 'utf8',
    }).stdout.replaceAll(/\s+/g, ' ');
  };
  const sentence =
    'echo#1 is not asked for echo.say by gateway public#1: 5 calls in a row failed, last CALL_TIMED_OUT';
  assert.ok(run('status').includes(`! ${sentence}; the next `), run('status'));
  assert.ok(run('why', 'echo').includes(`${sentence}; the next `), run('why', 'echo'));
  assert.ok(run('why').includes(`${sentence}; the next `), run('why'));

  const { pids } = await command.status();
  process.kill(pids.supervisor, 'SIGKILL');
  await command.until(
    'its successor knows it',
    (now) => now.pids.supervisor !== pids.supervisor && now.avoided.length === 1,
  );
  await command.until('a probe was answered', ({ avoided }) => {
    if (avoided.length > 0) void isServed(url);
    return avoided.length === 0;
  });
  assert.ok(!run('status').includes('is not asked'));
  const raw = 'echo#1 is not asked for echo.say by gateway public#1';
  assert.deepEqual(
    (await told(command)).map((reason) => reason.replace(/: .*/, '')),
    [raw, 'echo#1 is asked for echo.say by gateway public#1 again'],
  );
});

test('it goes with the instance that is not asked', async () => {
  using home = makeHome();
  await using command = new Command(home.folder, ['start', app]);
  const status = await command.ready();
  await open(command, await command.url());
  process.kill(pidOf(status, 'echo#1'), 'SIGKILL');
  await command.until('it is forgotten', ({ avoided }) => avoided.length === 0);
  assert.equal((await told(command)).length, 1);
});

slowTest('calls that had to be made once more are told, of who made them', async () => {
  using home = makeHome();
  await using command = new Command(home.folder, ['start', app], { REPLICAS: '2' });
  const status = await command.ready();
  const url = await command.url();
  const hasServed = (slot: string) => (now: AppStatus) => instanceOf(now, slot).requests > 0;
  // Who is not connected yet gets none of what comes at once.
  await command.until('both are connected', (now) => {
    void isServed(url);
    return hasServed('echo#1')(now) && hasServed('echo#2')(now);
  });
  // Longer than two looks at what runs.
  const enough = new AbortController();
  const asked = Array.from({ length: 60 }, () =>
    fetch(`${url}/say/slow?waitMs=10000`, { signal: enough.signal }),
  );
  const isBusy = (slot: string) => (now: AppStatus) => instanceOf(now, slot).inFlight >= 10;
  await command.until('they run', (now) => isBusy('echo#1')(now) && isBusy('echo#2')(now));
  process.kill(pidOf(status, 'echo#1'), 'SIGKILL');
  const { notes } = await command.until('it is known', (now) =>
    now.notes.some((note) => note.includes('once more')),
  );
  assert.match(
    notes.find((note) => note.includes('once more')) ?? '',
    /^gateway public#1 had to make 1\d of its \d+ calls of the last minute once more$/,
  );
  enough.abort();
  await Promise.allSettled(asked);
});
