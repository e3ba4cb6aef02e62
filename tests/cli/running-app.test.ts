/** Commands against one app that runs, each for success and for its main errors. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { AppStatus } from '../../src/core/status.ts';
import { CommandWorld } from './command-world.ts';

const world = new CommandWorld();
const { ok, json, run } = {
  ok: world.ok.bind(world),
  json: world.json.bind(world),
  run: (...args: string[]) => world.run(args),
};

before(async () => {
  await ok('start', '-d');
});
after(() => world[Symbol.asyncDispose]());

const pidsOf = async (service: string): Promise<(number | null)[]> => {
  const { services } = await json<AppStatus>('status');
  return services.find(({ name }) => name === service)?.instances.map(({ pid }) => pid) ?? [];
};

test('status shows a row per instance, the gateway by its name, and one word for the whole', async () => {
  const out = await ok('status');
  assert.match(out, /^parlour is healthy, up /);
  assert.match(out, /SERVICE +INSTANCE +STATE +PID +RESTARTS +UPTIME +CPU +MEM +REQ\/S +ERRORS +P99 +LOOP/);
  assert.match(out, /greeter +#1 +ready +\d+ +0/);
  assert.match(out, /^ {2} +#2 +ready/m);
  assert.match(out, /gateway public +#1 +ready/);
  assert.match(out, /http:\/\/127\.0\.0\.1:\d+/);
  // A pipe gets no colours.
  assert.doesNotMatch(out, /\u001b/);
});

test('call prints the answer, and on one line with --json', async () => {
  assert.equal(await ok('call', 'greeter.hello', '{"name":"Ada"}'), '{\n  "text": "Hello Ada"\n}\n');
  assert.equal(await ok('call', 'greeter.hello', '--json'), '{"text":"Hello you"}\n');
});

test('call --envelope prints what a gateway would answer, good or bad', async () => {
  const good = JSON.parse(await ok('call', 'greeter.hello', '--envelope')) as Record<string, unknown>;
  assert.deepEqual(good['greeting'], { text: 'Hello you' });
  assert.match(String(good['request_id']), /^[0-9a-f]{32}$/);
  const { code, out } = await run('call', 'greeter.hello', '{"name":"rude"}', '--envelope');
  const bad = JSON.parse(out) as Record<string, unknown>;
  assert.equal(code, 1);
  assert.deepEqual([bad['status'], bad['message']], ['error', 'Nobody is greeted as rude']);
  assert.match(String(bad['request_id']), /^[0-9a-f]{32}$/);
});

const refusedCalls: [string, string[], string][] = [
  ['a domain error', ['greeter.hello', '{"name":"rude"}'], 'RUDE'],
  ['an input that is not valid', ['greeter.hello', '{"name":4}'], 'INVALID_INPUT'],
  ['an action that is not there', ['greeter.helo'], 'UNKNOWN_ACTION'],
  ['a deadline that passes', ['greeter.wait', '--deadline', '100'], 'CALL_TIMED_OUT'],
];
for (const [what, args, expected] of refusedCalls) {
  test(`call answers ${what} with a problem on stderr and exit code 1`, async () => {
    const { code, out, err } = await run('call', ...args);
    const problem = JSON.parse(err) as Record<string, unknown>;
    assert.deepEqual([code, out, problem['code']], [1, '', expected]);
    assert.equal(typeof problem['message'], 'string');
  });
}

test('an input that is not JSON is a usage error with an example', async () => {
  const { code, err } = await run('call', 'greeter.hello', '{bad');
  assert.equal(code, 2);
  assert.match(
    err,
    /^tutti: The input is not JSON: .*\n {2}Quote it for the shell: tutti call greeter\.hello '/,
  );
});

test('emit says how many got it', async () => {
  assert.match(await ok('emit', 'user.created', '{"id":1}'), /^user\.created was delivered to 1 instance\n/);
  assert.match(await ok('emit', 'nobody.cares'), /delivered to nobody/);
  assert.deepEqual(await json('emit', 'nobody.cares'), { delivered: 0 });
  assert.equal((await run('emit', 'no name')).code, 2);
});

test('restart waits for the new process and names both', async () => {
  const [first] = await pidsOf('greeter');
  const out = await ok('restart', 'greeter#1');
  const [second, other] = await pidsOf('greeter');
  assert.notEqual(first, second);
  assert.equal(out, `greeter#1 was restarted: pid ${String(first)} -> ${String(second)}\n`);
  assert.match(await ok('restart', 'public'), /^gateway public#1 was restarted/);
  assert.equal((await pidsOf('greeter'))[1], other);
});

test('stop and start of a service wait until it is so, and say when it was so before', async () => {
  const pids = await pidsOf('greeter');
  const stopped = await ok('stop', 'greeter');
  for (const pid of pids) assert.throws(() => process.kill(Number(pid), 0));
  assert.match(stopped, /^greeter#1 has stopped: pid \d+ is gone\ngreeter#2 has stopped/);
  assert.match(await ok('status'), /! greeter is stopped by hand/);
  assert.match(await ok('stop', 'greeter#1'), /^greeter#1 has no process\n$/);
  assert.match(await ok('start', 'greeter'), /^greeter#1 is ready: pid \d+\ngreeter#2 is ready: pid \d+\n$/);
  assert.match(await ok('start', 'greeter#2'), /^greeter#2 is ready already: pid \d+\n$/);
});

test('scale up, down and back waits, and tells only what changed', async () => {
  assert.match(await ok('scale', 'listener=2'), /^listener#2 is ready: pid \d+\n$/);
  assert.match(await ok('scale', 'listener=2'), /^listener has 2 ready already\n$/);
  assert.match(await ok('scale', 'listener=default'), /^listener#2 has stopped: pid \d+ is gone\n$/);
  assert.match(
    await ok('scale', 'listener=2', 'greeter=2'),
    /^listener#2 is ready: pid \d+\ngreeter has 2 ready already\n$/,
  );
  const [result] = await json<{ result: string; pid: number | null }[]>('scale', 'listener=0');
  assert.deepEqual(result?.result, 'done');
  assert.match(await ok('scale', 'listener=default'), /^listener#1 is ready/);
});

test('what is not there is answered with what was probably meant', async () => {
  for (const command of ['restart', 'stop', 'start', 'logs']) {
    const { code, err } = await run(command, 'greter');
    assert.equal(code, 1);
    assert.equal(err, 'tutti: There is no service greter; did you mean "greeter"?\n');
  }
  assert.match((await run('restart', 'greeter#9')).err, /There is no instance greeter#9; greeter has 2/);
  assert.equal((await run('scale', 'greeter=many')).code, 2);
  assert.equal((await run('scale', 'greeter')).code, 2);
  assert.equal((await run('scale', 'greeter=300')).code, 2);
});

test('events lists every change, oldest first', async () => {
  const out = await ok('events');
  assert.match(out, /^TIME +INSTANCE +FROM +TO +REASON\n/);
  assert.match(out, /greeter#1@1 +starting +ready +ready/);
  const [first] = (await ok('events', '--json')).split('\n');
  assert.equal((JSON.parse(first ?? '') as { from: string }).from, 'stopped');
});

test('logs takes services, a level and a time, and lets no control character through', async () => {
  await ok(
    'call',
    'greeter.shout',
    JSON.stringify({ text: 'red \u001b[31m bell \u0007 c1 \u009b31m two\u2028lines' }),
  );
  const out = await ok('logs', 'greeter', '--since', '5m');
  assert.match(out, /WARN {2}greeter#\d@\d+ red \\u001b\[31m bell \\u0007 c1 \\u009b31m two\\u2028lines/);
  assert.doesNotMatch(out, /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028]/);
  const called = await ok('call', 'greeter.shout', JSON.stringify({ text: 'c1 \u009b31m' }));
  assert.equal(called, '{\n  "text": "c1 \\u009b31m"\n}\n');
  const lines = (await ok('logs', '--level', 'warn', '--json')).trim().split('\n');
  for (const line of lines) assert.match((JSON.parse(line) as { level: string }).level, /warn|error/);
  assert.equal(await ok('logs', '--since', '2100-01-01'), '');
  assert.equal((await run('logs', '--level', 'loud')).code, 2);
  assert.equal((await run('logs', '--since', 'soon')).code, 2);
});

test('a command elsewhere finds the only app that runs', async () => {
  const { code, out } = await world.run(['status'], { cwd: world.folder });
  assert.equal(code, 0);
  assert.match(out, /^parlour is healthy/);
});

test('a command waits for a supervisor that is being replaced', async () => {
  const { pids } = await json<AppStatus>('status');
  process.kill(pids.supervisor, 'SIGKILL');
  const now = await json<AppStatus>('status');
  assert.equal(now.generation, 2);
});
