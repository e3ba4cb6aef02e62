/** Commands against one app that runs, each for success and for its main errors. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import type { AppStatus } from '../../src/core/status.ts';
import { CommandWorld } from './command-world.ts';
import { slowTest } from '../fuzz/chance.ts';

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

test('call of a stream prints a line for each item, then its output', async () => {
  assert.equal(
    await ok('call', 'greeter.count', '{"to":3}'),
    '{"number":1}\n{"number":2}\n{"number":3}\n"all"\n',
  );
  const { code, out, err } = await run('call', 'greeter.count', '{"to":20}');
  assert.deepEqual([code, out.split('\n').length - 1], [1, 12]);
  assert.equal((JSON.parse(err) as { code: string }).code, 'RUDE');
  const refused = await run('call', 'greeter.count', '{"to":"x"}');
  assert.equal((JSON.parse(refused.err) as { code: string }).code, 'INVALID_INPUT');
  assert.match((await run('call', 'greeter.count', '--envelope')).err, /A stream has no envelope/);
});

test('call of a stream that takes items reads them from stdin, a line each', async () => {
  const sum = world.start(['call', 'greeter.sum'], { stdin: '{"number":1}\n\n{"number":41}\n' });
  assert.deepEqual(await sum.ended, { code: 0, out: '42\n', err: '' });
  const bad = world.start(['call', 'greeter.sum'], { stdin: '{"number":1}\nnumber\n' });
  const { code, err } = await bad.ended;
  assert.equal(code, 2);
  assert.match(err, /Line 2 of stdin is not JSON: .*\n {2}Give one item a line/);
});

test('Ctrl-C ends the call of a stream without an end, here and there', async () => {
  const inFlight = async (): Promise<number> => {
    const { services } = await json<AppStatus>('status');
    const greeters = services.flatMap(({ name, instances }) => (name === 'greeter' ? instances : []));
    return greeters.reduce((sum, instance) => sum + instance.inFlight, 0);
  };
  // Calls that nobody waits for any more run on.
  const others = await inFlight();
  const ticks = world.start(['call', 'greeter.tick']);
  await ticks.printed(/tick 3/);
  while ((await inFlight()) === others) await pause(50);
  ticks.child.kill('SIGINT');
  const { code, err } = await ticks.ended;
  assert.deepEqual([code, err], [0, '']);
  while ((await inFlight()) > others) await pause(50);
});

test('an input that is not JSON is a usage error with an example', async () => {
  const { code, err } = await run('call', 'greeter.hello', '{bad');
  assert.equal(code, 2);
  assert.match(
    err,
    /^tutti: The input is not JSON: .*\n {2}Quote it for the shell: npx tutti call greeter\.hello '/,
  );
});

test('emit says how many got it', async () => {
  assert.match(await ok('emit', 'user.created', '{"id":1}'), /^user\.created was delivered to 1 instance\n/);
  assert.match(await ok('emit', 'nobody.cares'), /delivered to nobody/);
  assert.deepEqual(await json('emit', 'nobody.cares'), { delivered: 0, kept: 0 });
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

slowTest('stop and start of a service wait until it is so, and say when it was so before', async () => {
  const pids = await pidsOf('greeter');
  const stopped = await ok('stop', 'greeter');
  for (const pid of pids) assert.throws(() => process.kill(Number(pid), 0));
  assert.match(stopped, /^greeter#1 has stopped: pid \d+ is gone\ngreeter#2 has stopped/);
  assert.match(await ok('status'), /! greeter is stopped by hand/);
  assert.match(await ok('stop', 'greeter#1'), /^greeter#1 has no process\n$/);
  assert.match(await ok('start', 'greeter'), /^greeter#1 is ready: pid \d+\ngreeter#2 is ready: pid \d+\n$/);
  assert.match(await ok('start', 'greeter#2'), /^greeter#2 is ready already: pid \d+\n$/);
});

test('a service ended by hand that another needs makes the app degraded, for every command and /health; one that nobody needs does not', async () => {
  const url = /http:\/\/127\.0\.0\.1:\d+/.exec(await ok('status'))?.[0] ?? '';
  const verdict = async (): Promise<unknown> => {
    const response = await fetch(`${url}/health`);
    const { status, message } = (await response.json()) as { status: string; message: string };
    const [head] = (await ok('status')).split(',', 1);
    const [why] = (await ok('why')).split(/[:\n]/, 1);
    return [head, why, response.status, status, message];
  };
  const degraded = (how: string): unknown[] => [
    ...['parlour is degraded', 'parlour is degraded', 200, 'degraded'],
    `greeter ${how} by hand, and listener needs it`,
  ];
  await ok('stop', 'greeter');
  assert.deepEqual(await verdict(), degraded('is stopped'));
  const note = '! greeter is stopped by hand, and listener needs it (npx tutti start greeter)\n';
  assert.ok((await ok('status')).includes(note));
  await ok('start', 'greeter');
  await ok('scale', 'greeter=0');
  assert.deepEqual(await verdict(), degraded('is scaled to 0'));
  await ok('scale', 'greeter=default');
  await ok('stop', 'listener');
  assert.deepEqual(await verdict(), [
    ...['parlour is healthy', 'parlour is healthy', 200, 'healthy'],
    'Every required service is ready',
  ]);
  assert.ok((await ok('status')).includes('! listener is stopped by hand (npx tutti start listener)\n'));
  await ok('start', 'listener');
  await ok('scale', 'public=1');
  assert.ok(
    (await ok('status')).includes('! gateway public is scaled to 1 by hand (npx tutti scale public=default)'),
  );
  await ok('scale', 'public=default');
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
  for (const command of ['restart', 'stop', 'start', 'logs', 'why', 'history']) {
    const { code, err } = await run(command, 'greter');
    assert.equal(code, 1);
    assert.equal(err, 'tutti: There is no service greter; did you mean "greeter"?\n');
  }
  assert.match((await run('restart', 'greeter#9')).err, /There is no instance greeter#9; greeter has 2/);
  assert.equal((await run('scale', 'greeter=many')).code, 2);
  assert.equal((await run('scale', 'greeter')).code, 2);
  assert.equal((await run('scale', 'greeter=300')).code, 2);
});

test('history tells every change in a sentence, oldest first, and goes on after a number', async () => {
  const { out, err } = await run('history');
  assert.match(out, /greeter#1 +is starting \(process 1 in this place\)\n/);
  assert.match(out, /greeter#1 +is ready\n/);
  const [, last = ''] =
    /^The last number is (\d+); what comes later: npx tutti history --after \1\n$/.exec(err) ?? [];
  const [first] = (await ok('history', '--json')).split('\n');
  const event = JSON.parse(first ?? '') as { name: string; text: string };
  assert.deepEqual([event.name, event.text.startsWith('the app was started')], ['app:started', true]);
  assert.equal(await ok('history', '--after', last), '');
  await ok('restart', 'greeter#2');
  const later = await ok('history', 'greeter', '--after', last);
  assert.match(
    later,
    /^\d\d:\d\d:\d\d\.\d{3} {2}greeter#2 +finishes what it has in hand: restarted by hand\n/,
  );
  const unheard = await run('history', '--after', '9000000000000000');
  assert.match(unheard.err, /^tutti: number 9000000000000000 was never given out here/);
  assert.equal((await run('history', '--after', 'soon')).code, 2);
});

test('why tells of a service, of one instance, of a moment, and of the whole app', async () => {
  const [pid] = await pidsOf('greeter');
  process.kill(Number(pid), 'SIGKILL');
  const follower = world.start(['history', 'greeter#1', '-f']);
  await follower.printed(/was killed by SIGKILL[^]*is ready/);
  follower.child.kill('SIGINT');
  assert.equal((await follower.ended).code, 0);
  const out = await ok('why', 'greeter');
  assert.match(
    out,
    /^greeter#1 is ready, for .* \(pid \d+\); \d restarts? that nobody asked for\ngreeter#2 is ready/,
  );
  assert.match(out, /What happened.*:\n/);
  assert.match(
    out,
    /greeter#1 +was killed by SIGKILL after it was ready for .*, as pid \d+ \(nobody here sent that: .*starts again at once\n/,
  );
  assert.match(out, /greeter#1 wrote nothing to stderr before it ended at/);
  assert.match(
    out,
    /Next:\n {2}npx tutti logs greeter#1 --since (?:\d{4}-\d\d-\d\dT)?\d\d:\d\d:\d\d +what it said/,
  );
  assert.match(out, /npx tutti doctor +limits and memory of this machine/);
  assert.doesNotMatch(await ok('why', 'greeter#2'), /SIGKILL/);
  assert.match(await ok('why', 'greeter#1', '--at', '1s'), /Around .*:\n[^]*SIGKILL/);
  assert.match(
    await ok('why', 'greeter', '--at', '10d'),
    /Nothing happened to greeter from .*; events are remembered since/,
  );
  const whole = await ok('why');
  assert.match(
    whole,
    /^parlour is healthy: all 4 instances are ready\n\n(?:! .*\n\n)?What went wrong in the last hour.*:\n[^]*SIGKILL/,
  );
  assert.match(whole, /npx tutti why greeter/);
  const view = await json<{ about: string; story: { who: string; time: string }[]; next: object[] }>(
    'why',
    'greeter#1',
  );
  assert.deepEqual([view.about, view.story.at(-1)?.who], ['greeter#1', 'greeter#1']);
  assert.match(view.story.at(-1)?.time ?? '', /^\d{4}-.*Z$/);
});

test('status --watch prints again each second into a pipe, as lines of JSON for programs, over the death of a supervisor', async () => {
  const blocks = world.start(['status', '--watch']);
  const lines = world.start(['status', '--watch', '--json']);
  await blocks.printed(/^parlour is [^]*\n\nparlour is /);
  await lines.printed(/"app":"parlour"[^]*\n\{"app":"parlour"/);
  const { pids, generation } = await json<AppStatus>('status');
  process.kill(pids.supervisor, 'SIGKILL');
  await lines.printed(new RegExp(`"generation":${String(generation + 1)}`));
  for (const each of [blocks, lines]) {
    each.child.kill('SIGINT');
    assert.equal((await each.ended).code, 0);
  }
  for (const line of lines.out.trim().split('\n')) JSON.parse(line);
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

test('logs says since when lines are remembered, when older ones are asked for, and when there are none', async () => {
  process.kill((await json<AppStatus>('status')).pids.supervisor, 'SIGKILL');
  const none = await run('logs', 'greeter', '--since', '2100-01-01');
  assert.deepEqual([none.out, none.err], ['', 'tutti: no lines\n']);
  const short = /^tutti: lines are remembered since \d\d:\d\d:\d\d \(a new supervisor\)\n/;
  assert.match((await run('logs', '--since', '1d')).err, short);
  assert.match((await run('logs')).err, short);
  const now = new Date().toISOString();
  assert.doesNotMatch((await run('logs', '--since', now)).err, /remembered/);
});

test('a command elsewhere finds the only app that runs', async () => {
  const { code, out } = await world.run(['status'], { cwd: world.folder });
  assert.equal(code, 0);
  assert.match(out, /^parlour is healthy/);
});

test('a command waits for a supervisor that is being replaced', async () => {
  const { pids, generation } = await json<AppStatus>('status');
  process.kill(pids.supervisor, 'SIGKILL');
  const now = await json<AppStatus>('status');
  assert.equal(now.generation, generation + 1);
});
