/** What was handled is delivered once more: from a time on, in order, with the same ids; whatever comes or dies meanwhile. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import type { ReplayView } from '../../src/core/event-view.ts';
import { makeHome, pidOf } from './command.ts';
import type { Heard } from './heard.ts';
import { Post } from './heard.ts';

const keys = 7;

const replay = (app: Post, more: object): Promise<ReplayView> =>
  app.admin.post<ReplayView>('/store/replay', { receiver: 'mailer', ...more }, { timeoutMs: 60_000 });

const doneOf = (heard: readonly Heard[]): Heard[] => heard.filter(({ what }) => what === 'done');

function inOrder(heard: readonly Heard[]): void {
  for (let key = 0; key < keys; key += 1) {
    const numbers = heard.filter((one) => one.key === `k${String(key)}`).map(({ number }) => number);
    assert.deepEqual(
      numbers,
      numbers.toSorted((left, right) => left - right),
      `k${String(key)}`,
    );
  }
}

const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_none, index) => from + index);

test('exactly what was kept since a time comes again, each key in its order, with the same ids, before what is placed meanwhile', async () => {
  using home = makeHome();
  await using app = new Post(home.folder);
  await app.ready();
  await app.placeAll(1, 500, keys);
  // Times are told in milliseconds: nothing else is placed in this one.
  await pause(20);
  const since = Date.now();
  await pause(20);
  await app.placeAll(501, 500, keys);
  await app.untilDelivered();
  const first = doneOf(app.heard());
  assert.equal(first.length, 1_000);
  const [replayed] = await Promise.all([replay(app, { since }), app.placeAll(1_001, 300, keys)]);
  await app.untilDelivered();
  assert.ok(replayed.count >= 500, JSON.stringify(replayed));
  const again = doneOf(app.heard()).slice(1_000);
  const isOld = ({ number }: Heard): boolean => number <= 1_000;
  const old = again.filter(isOld);
  assert.deepEqual(
    old.map(({ number }) => number).toSorted((left, right) => left - right),
    range(501, 1_000),
  );
  // One that was placed and handled before the replay had begun comes again, too.
  const fresh = new Set(again.filter((one) => !isOld(one)).map(({ number }) => number));
  assert.equal(fresh.size, 300);
  const begun = app
    .heard()
    .filter(({ what }) => what === 'begun')
    .slice(1_000);
  inOrder(begun.slice(begun.findIndex(isOld)));
  const ids = new Map(first.map(({ number, id }) => [number, id]));
  for (const { number, id } of old) assert.equal(id, ids.get(number));
});

test('the owner of the store dies in the middle of a replay: asked again, each comes at least once, and none is lost', async (context) => {
  using home = makeHome();
  await using app = new Post(home.folder);
  await app.ready();
  const all = 3_000;
  await app.placeAll(1, all, keys);
  await app.untilDelivered();
  await app.admin.post('/stop', { target: 'mailer' });
  const status = await app.until('nobody is there', ({ services }) =>
    services.some(({ name, ready }) => name === 'mailer' && ready === 0),
  );
  const before = doneOf(app.heard()).length;
  assert.equal(before, all);
  const owed = async (): Promise<number> => (await app.receivers())[0]?.owed ?? 0;
  const asked = replay(app, { since: 0 }).catch((error: unknown) => error as Error);
  while ((await owed()) === 0) await pause(1);
  const pid = pidOf(status, 'store:main#1');
  process.kill(pid, 'SIGKILL');
  const answer = await asked;
  await app.until('another owner is there', (now) => {
    const is = now.services.find(({ name }) => name === 'store:main');
    return is?.ready === 1 && pidOf(now, 'store:main#1') !== pid;
  });
  const soFar = await owed();
  context.diagnostic(
    `owed after the kill: ${String(soFar)}; answered: ${answer instanceof Error ? answer.message : 'in full'}`,
  );
  assert.ok(soFar > 0, 'what was replayed so far is there');
  const { count, owed: anyway } = await replay(app, { since: 0 });
  assert.deepEqual([count + anyway, anyway], [all, soFar]);
  assert.equal(await owed(), all);
  await app.admin.post('/start', { target: 'mailer' });
  await app.untilDelivered();
  const again = doneOf(app.heard()).slice(before);
  assert.deepEqual(
    again.map(({ number }) => number).toSorted((left, right) => left - right),
    range(1, all),
  );
  inOrder(again);
});
