/** `tutti events` against an app that runs: what is kept, who has it to come, what was given up, and what comes once more. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { AppStatus } from '../../src/core/status.ts';
import { fixture } from '../journeys/command.ts';
import { CommandWorld } from './command-world.ts';

const post = fixture('durable/tutti.ts');
const world = new CommandWorld();
const heard = join(world.folder, 'heard');
const events = (...args: string[]): Promise<string> => world.ok('events', ...args, '--app', post);
const done = (): number =>
  readFileSync(heard, 'utf8')
    .split('\n')
    .filter((line) => line.includes('"done"')).length;

before(async () => {
  const { code, err } = await world.run(['start', post, '-d'], {
    env: { HEARD: heard, ATTEMPTS: '1', PORT: '0' },
  });
  assert.equal(code, 0, err);
});
after(() => world[Symbol.asyncDispose]());

test('events that were given up are told, with their reason, and delivered once more', async () => {
  assert.equal(await events(), 'No durable event is kept\n');
  assert.equal(await events('groups'), 'No service has a durable event to come\n');
  for (const order of ['{"key":"a\\u001b[2J","number":1,"fails":9}', '{"key":null,"number":2}'])
    await world.ok('call', 'orders.place', order, '--app', post);
  for (let table = ''; !/^ *mailer +0 +1 +-$/m.test(table);) table = await events('lag');
  assert.match(
    await events('dead', 'mailer'),
    /^1 {2}[-\d:. ]+ {2}order\.placed, id [0-9a-f]{32}, key "a\\u001b\[2J"\n {4}given up after 1 attempt: Error: the post is closed, said at attempt 1\n$/,
  );
  const dead = JSON.parse(await events('dead', 'mailer', '--json')) as { payload: { number: number } };
  assert.equal(dead.payload.number, 1);
  assert.equal(await events('dead', 'orders'), 'orders has no dead events\n');
  assert.equal((await world.run(['events', 'redrive', 'mailer', '7', '--app', post])).code, 1);
  assert.equal(await events('redrive', 'mailer'), '1 event will be delivered to mailer once more\n');
});

test('what is kept is told by name, read oldest first, and delivered once more from a time on', async () => {
  for (let table = ''; !/^ *mailer +0 +1 +-$/m.test(table);) table = await events('groups');
  assert.match(
    await events(),
    /^EVENT +KEPT +OLDEST +NEWEST +TO COME\norder\.placed +2 +[-\d:]+ [-\d: ]+\n$/,
  );
  const [topic] = JSON.parse(await events('topics', '--json')) as { kept: number; owed: object }[];
  assert.deepEqual([topic?.kept, topic?.owed], [2, {}]);
  assert.match(
    await events('read', 'order.placed'),
    /^NUMBER +TIME +ID +KEY +PAYLOAD\n +1 +[-\d:. ]+ [0-9a-f]{32} +a\\u001b\[2J +\{"key":"a\\u001b\[2J","number":1,"ms":0,"fails":9\}\n +2 +[-\d:. ]+ [0-9a-f]{32} +\{"key":null,"number":2,"ms":0,"fails":0\}\n$/,
  );
  const { out, err } = await world.run([
    'events',
    'read',
    'order.placed',
    '--limit',
    '1',
    '--json',
    '--app',
    post,
  ]);
  const first = JSON.parse(out) as { seq: number; key: string; payload: { number: number } };
  assert.deepEqual([first.seq, first.key, first.payload.number], [1, 'a\u001b[2J', 1]);
  assert.equal(err, 'More: npx tutti events read order.placed --after 1\n');
  assert.match(await events('read', 'order.placed', '--after', '1'), /\n +2 /);
  assert.equal(await events('read', 'order.payed'), 'No order.payed is kept\n');

  assert.equal(done(), 1);
  assert.match(
    await events('replay', 'mailer', '--since', '10m'),
    /^2 events will be delivered to mailer once more: order\.placed from [-\d: ]+ to [-\d: ]+\n$/,
  );
  while (done() < 2) await events('groups');
  for (let table = ''; !/^ *mailer +0 +1 +-$/m.test(table);) table = await events('groups');
  const nothing = await events(
    'replay',
    'mailer',
    '--since',
    '10m',
    '--until',
    '9m',
    '--event',
    'order.placed',
  );
  assert.match(nothing, /^Nothing is to be delivered to mailer once more: order\.placed from /);
  const replayed = JSON.parse(await events('replay', 'mailer', '--since', '10m', '--json')) as object;
  assert.deepEqual(Object.keys(replayed).sort(), ['count', 'events', 'owed', 'since', 'until']);
});

test('who replays, from when and how many is in the log', async () => {
  await world.ok('call', 'orders.place', '{"key":null,"number":4}', '--app', post);
  await events('replay', 'mailer', '--since', '10m');
  const log = await world.ok('logs', '--json', '--since', '10m', '--app', post);
  const lines = log.split('\n').filter((line) => line.includes('Kept events are delivered once more'));
  assert.match(lines[0] ?? '', /"receiver":"mailer","by":"operator:cli#1@\d+","since":\d+,.*"count":\d+/);
});

test('how far a service is behind is told in seconds at /metrics, and by `groups`', async () => {
  await world.ok('stop', 'mailer', '--app', post);
  await world.ok('call', 'orders.place', '{"key":null,"number":3}', '--app', post);
  const { services } = JSON.parse(await world.ok('status', '--json', '--app', post)) as AppStatus;
  const [url = ''] = services.flatMap(({ urls }) => urls);
  let scraped = '';
  // What the store counts is at the gateway a moment later.
  for (let tries = 0; tries < 100 && !scraped.includes('tutti_events_lag_seconds{'); tries += 1)
    scraped = await (await fetch(`${url}/metrics`)).text();
  const [, seconds] = /^tutti_events_lag_seconds\{.*receiver="mailer".*\} (\S+)$/m.exec(scraped) ?? [];
  assert.ok(Number(seconds) > 0 && Number(seconds) < 60, scraped);
  assert.match(await events('groups'), /^SERVICE +TO COME +DEAD +BEHIND\n *mailer +1 +\d+ +[\d.]+ m?s\n$/);
  const [topic] = JSON.parse(await events('topics', '--json')) as { owed: object }[];
  assert.deepEqual(topic?.owed, { mailer: 1 });
  await world.ok('start', 'mailer', '--app', post);
});

const refusals: [args: string[], code: number, words: RegExp][] = [
  [['dead'], 2, /Say of which: npx tutti events dead <service>/],
  [['dead', 'mailr'], 1, /There is no service mailr; did you mean "mailer"/],
  [['redrive', 'mailer', 'x'], 2, /expected the number of an event, as tutti events says it, got "x"/],
  [['replay', 'mailer'], 2, /Say since when: npx tutti events replay mailer --since 2h/],
  [['replay', 'mailer', '--since', 'soon'], 2, /expected a time ago like 10m or 2h/],
  [['replay', 'mailer', '--since', '1m', '--until', '2m'], 2, /--until is before --since/],
  [
    ['replay', 'orders', '--since', '1m'],
    1,
    /orders has no durable subscription; services with durable subscriptions: mailer/,
  ],
  [
    ['replay', 'mailer', '--since', '1m', '--event', 'order.payed'],
    1,
    /mailer has no durable subscription to order\.payed; it has them to: order\.placed/,
  ],
  [['read'], 2, /Say of which: npx tutti events read <event>/],
  [['read', 'order.placed', '--limit', '251'], 2, /expected a whole number from 1 to 250/],
  [['groups', '--since', '1m'], 2, /tutti events groups takes no --since/],
  [['groups', 'mailer'], 2, /That is more than tutti events groups takes: npx tutti events groups\n/],
  [['tail'], 2, /tail/],
];
for (const [args, expected, words] of refusals)
  test(`tutti events ${args.join(' ')} is refused with what was meant`, async () => {
    const { code, out, err } = await world.run(['events', ...args, '--app', post]);
    assert.deepEqual([code, out], [expected, ''], err);
    assert.match(err, words);
  });
