/** Deaths that leave nobody to tell of them: the supervisor's, the keeper's, and questions when nothing runs any more. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { isAlive } from '../../src/cli/app-connection.ts';
import type { AppStatus } from '../../src/core/status.ts';
import { allPids } from '../journeys/command.ts';
import { CommandWorld } from './command-world.ts';

async function untilGone(pids: readonly number[]): Promise<void> {
  const until = performance.now() + 20_000;
  while (pids.some(isAlive)) {
    assert.ok(performance.now() < until, `these do not end: ${pids.filter(isAlive).join(', ')}`);
    await pause(20);
  }
}

const unstopped = /ended without being stopped, its last event was at \d\d:\d\d:\d\d/;

test('the deaths of a supervisor and of a keeper are told with their evidence, also while nothing runs', async () => {
  await using world = new CommandWorld();
  await world.ok('start', '-d');
  const { supervisor } = (await world.json<AppStatus>('status')).pids;
  const follower = world.start(['history', '-f', '--after', '0']);
  await follower.printed(/the app was started/);
  process.kill(supervisor, 'SIGKILL');
  await follower.printed(/the supervisor was/);
  follower.child.kill('SIGINT');
  const wrong = `What went wrong in the last hour:\\n[^]*the supervisor was killed by SIGKILL, as pid ${String(supervisor)} \\(nobody here sent that`;
  assert.match(await world.ok('why'), new RegExp(wrong));
  assert.match(await world.ok('why', 'supervisor'), /^supervisor runs, the 2nd since the app was started/);

  const status = await world.json<AppStatus>('status');
  process.kill(status.pids.keeper, 'SIGKILL');
  await untilGone(allPids(status));
  const down = await world.ok('why', 'greeter');
  assert.match(down, /^The app does not run: .*\nIts last run ended without.*\n\nWhat happened:\n/);
  assert.match(down, new RegExp(`${unstopped.source}[^]*greeter#1 +is ready\n`));
  assert.doesNotMatch(down, /tutti logs/);
  const events = await world.run(['history', 'greeter#1']);
  assert.equal(events.code, 0);
  assert.match(events.out, /the app was started: [^]*greeter#1 +is ready\n/);
  assert.doesNotMatch(events.out, /greeter#2/);
  assert.match(events.err, /^The app does not run: /);
  assert.equal((await world.run(['history', '-f'])).code, 6);
  assert.match(
    (await world.run(['why', 'greter'])).err,
    /There is no service greter; did you mean "greeter"/,
  );

  await world.ok('start', '-d');
  assert.match(
    await world.ok('why'),
    new RegExp(`What went wrong .*:\n[^]*the app was started: .*; the run before it ${unstopped.source}\n`),
  );
  await world.ok('stop');
  assert.match(await world.ok('why', 'greeter'), /^The app does not run: .*\n\n[^]*the app has stopped: /);
  await world.ok('start', '-d');
  assert.match(await world.ok('history'), /the app has stopped: .*\n.*the app was started: \S+\n/);
});

test('who was taken out of the app is told of, and a long name shifts no line', async () => {
  await using world = new CommandWorld();
  const folder = join(world.env.TUTTI_STATE_DIR, 'events');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const gone = 'aServiceThatWasTakenOutLongAgo';
  const past = {
    ...{ type: 'instance', seq: 1, time: Date.now() - 60_000, instance: `${gone}#1@1`, service: gone },
    ...{ from: 'starting', to: 'ready', reason: 'ready', evidence: {}, failures: 0, crashLoop: false },
  };
  writeFileSync(join(folder, 'events.jsonl'), `${JSON.stringify(past)}\n`);
  await world.ok('start', '-d');
  const why = await world.ok('why', gone);
  assert.match(
    why,
    new RegExp(`^${gone} is not in the app any more\\.\n\nWhat happened:\n.*${gone}#1 +is ready`),
  );
  const rows = (await world.ok('history')).split('\n').slice(0, -1);
  const wide = `00:00:00.000  ${gone}#1  `.length;
  for (const row of rows) assert.match(row.slice(wide - 3), /^(?:1| )  \S/, row);
});
