/** `tutti logs -f`: on and on, over the lives of several supervisors, each line once, and an end. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LogLine } from '../../src/core/log-line.ts';
import type { AppStatus } from '../../src/core/status.ts';
import { SeenLines } from '../../src/cli/log-follower.ts';
import { CommandWorld } from './command-world.ts';
import { slowTest } from '../fuzz/chance.ts';

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

slowTest(
  'over three deaths of the supervisor, each line of a service that goes on talking is shown once and none is missing',
  async () => {
    await using world = new CommandWorld();
    await world.ok('start', '-d');
    const follower = world.start(['logs', '-f', 'greeter', '--grep', 'Greeted.*name=n\\d+$']);
    const greet = async (from: number, to: number): Promise<void> => {
      for (let n = from; n < to; n += 1) await world.ok('call', 'greeter.hello', `{"name":"n${String(n)}"}`);
    };
    await greet(0, 1);
    await follower.printed(/name=n0\n/);
    for (let death = 0; death < 3; death += 1) {
      const { pids } = await world.json<AppStatus>('status');
      const talking = greet(1 + 3 * death, 4 + 3 * death);
      process.kill(pids.supervisor, 'SIGKILL');
      await talking;
    }
    await follower.printed(/name=n9\n/);
    await world.ok('stop');
    const { out } = await follower.ended;
    const names = out.split('\n').flatMap((text) => /name=(n\d+)$/.exec(text)?.[1] ?? []);
    assert.deepEqual(
      names,
      Array.from({ length: 10 }, (_, n) => `n${String(n)}`),
    );
  },
);

slowTest(
  '--grep finds what is shown, a pattern that is none is refused, and a catastrophic one ends',
  async () => {
    await using world = new CommandWorld();
    await world.ok('start', '-d');
    await world.ok('call', 'greeter.hello', '{"name":"ann"}');
    await world.ok('call', 'greeter.shout', JSON.stringify({ text: `${'a'.repeat(40)}!` }));
    const follower = world.start(['logs', '-f', '--grep', 'Greeted .*name=ann']);
    await follower.printed(/name=ann/);
    follower.child.kill('SIGINT');
    assert.equal((await follower.ended).out.trimEnd().split('\n').length, 1);
    const refused = await world.run(['logs', '--grep', '(']);
    assert.equal(refused.code, 2);
    assert.match(refused.err, /regular expression/);
    assert.equal(await world.ok('logs', 'greeter', '--grep', '(a+)+$'), '');
  },
);

const line = (seq: number, more: Partial<LogLine> = {}): LogLine => ({
  ...{ seq, time: 0, message: 'same', level: 'info', instance: 'a#1@1', service: 'a' },
  ...more,
});

test('after a new connection to the same supervisor nothing that was seen comes again', () => {
  const seen = new SeenLines();
  for (const one of [line(1), line(2), line(3)]) assert.ok(seen.isNew(one));
  assert.equal(seen.resume(), 3);
  assert.deepEqual([seen.isNew(line(3)), seen.isNew(line(4))], [false, true]);
});

test('a successor that reads output again numbers it anew: it is known by its place, whoever runs in the slot now', () => {
  const seen = new SeenLines();
  for (const one of [line(1, { at: 'out:10' }), line(2, { at: 'out:20' }), line(3, { at: 'err:5' })])
    assert.ok(seen.isNew(one));
  const next = 2 ** 32;
  assert.ok(seen.resume() < next);
  const again = [
    line(next + 1, { at: 'out:20', instance: 'a#1@2' }),
    line(next + 2, { at: 'err:9' }),
    line(next + 3, { at: 'out:30' }),
    line(next + 4, { at: 'out:10', instance: 'a#2@1' }),
    line(next + 5, { instance: 'supervisor' }),
  ];
  assert.deepEqual(
    again.map((one) => seen.isNew(one)),
    [false, true, true, true, true],
  );
});
