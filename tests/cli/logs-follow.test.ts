/** `tutti logs -f`: on and on, over the lives of several supervisors, each line once, and an end. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LogLine } from '../../src/core/log-line.ts';
import type { AppStatus } from '../../src/core/status.ts';
import { overlapMs, SeenLines } from '../../src/cli/log-follower.ts';
import { CommandWorld } from './command-world.ts';

const greeted = (out: string, name: string): number =>
  out.split(`Greeted`).filter((part) => part.includes(`name=${name}\n`)).length;

test('logs -f goes on with the next supervisor, shows each line once, and ends with the app', async () => {
  await using world = new CommandWorld();
  await world.ok('start', '-d');
  await world.ok('call', 'greeter.hello', '{"name":"before"}');
  const follower = world.start(['logs', '-f', 'greeter']);
  await follower.printed(/name=before/);
  await world.ok('call', 'greeter.hello', '{"name":"between"}');
  await follower.printed(/name=between/);
  process.kill((await world.json<AppStatus>('status')).pids.supervisor, 'SIGKILL');
  await world.ok('call', 'greeter.hello', '{"name":"after"}');
  await follower.printed(/name=after/);
  await world.ok('stop');
  const { code, out } = await follower.ended;
  assert.equal(code, 0);
  assert.deepEqual(
    ['before', 'between', 'after'].map((name) => greeted(out, name)),
    [1, 1, 1],
  );
});

test('Ctrl-C ends logs -f with 0, and so does a reader who has enough', async () => {
  await using world = new CommandWorld();
  await world.ok('start', '-d');
  const follower = world.start(['logs', '-f', '--json']);
  await follower.printed(/The app is ready/);
  const [line] = follower.out.split('\n');
  assert.match((JSON.parse(line ?? '') as { time: string }).time, /^\d{4}-.*Z$/);
  follower.child.kill('SIGINT');
  assert.equal((await follower.ended).code, 0);

  const left = world.start(['logs', '-f']);
  await left.printed(/The app is ready/);
  left.child.stdout?.destroy();
  await world.ok('call', 'greeter.hello');
  assert.equal((await left.ended).code, 0);
});

const at = (time: number, message: string): LogLine => ({
  time,
  message,
  level: 'info',
  instance: 'a#1@1',
  service: 'a',
});

test('after a new connection lines that were seen are left out, as often as they were seen', () => {
  const seen = new SeenLines();
  for (const line of [at(10_000, 'twice'), at(10_000, 'twice'), at(1_000, 'old')])
    assert.ok(seen.isNew(line));
  assert.equal(seen.resume(), 10_000 - overlapMs);
  const again = [at(10_000, 'twice'), at(10_000, 'twice'), at(10_000, 'twice'), at(9_999, 'late')];
  assert.deepEqual(
    again.map((line) => seen.isNew(line)),
    [false, false, true, true],
  );
});
