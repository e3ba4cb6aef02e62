/** Events that must not be lost: stored before `emit` goes on, delivered until they are handled. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AppStatus, InstanceStatus } from '../../src/core/status.ts';
import { makeHome } from './command.ts';
import { Post } from './heard.ts';

const nothing = { delivered: 0, kept: 1 };

test('an event is delivered once it can be: its service may be away, and so may the whole app', async () => {
  using home = makeHome();
  {
    await using app = new Post(home.folder);
    await app.ready();
    await app.admin.post('/stop', { target: 'mailer' });
    await app.until('nobody is there', ({ services }) =>
      services.some(({ name, ready }) => name === 'mailer' && ready === 0),
    );
    assert.deepEqual(await app.place({ key: null, number: 1 }), nothing);
    const [mailer] = await app.receivers();
    assert.deepEqual([mailer?.receiver, mailer?.owed, mailer?.dead], ['mailer', 1, 0]);
  }
  await using app = new Post(home.folder);
  await app.admin.post('/start', { target: 'mailer' }).catch(() => undefined);
  await app.until('the store is there', ({ services }) =>
    services.some(({ name, ready }) => name === 'store:main' && ready === 1),
  );
  await app.admin.post('/start', { target: 'mailer' });
  await app.untilHeard('the event', (heard) => heard.some(({ what }) => what === 'done'));
  assert.equal((await app.untilDelivered()).dead, 0);
  assert.deepEqual(app.done(), [1]);
});

test('of one key they come in order, whatever fails; the others do not wait for it; the urgent ones first', async () => {
  using home = makeHome();
  await using app = new Post(home.folder);
  await app.ready();
  await app.place({ key: 'a', number: 1, fails: 3 });
  for (const number of [2, 3]) await app.place({ key: 'a', number });
  await app.place({ key: 'b', number: 4 });
  await app.untilDelivered();
  const heard = app.heard();
  const done = app.done();
  assert.deepEqual(
    done.filter((number) => number < 4),
    [1, 2, 3],
  );
  assert.deepEqual(done.toSorted(), [1, 2, 3, 4]);
  const first = heard.filter(({ number }) => number === 1);
  assert.deepEqual(
    first.map(({ what, attempt }) => `${what} ${String(attempt)}`),
    ['begun 1', 'begun 2', 'begun 3', 'begun 4', 'done 4'],
  );
  assert.equal(new Set(first.map(({ id }) => id)).size, 1, 'one id at every delivery');
  assert.equal(
    new Set(heard.map(({ requestId }) => requestId)).size,
    4,
    'each with the request that brought it about',
  );
});

test('what fails to the end, and what does not fit, is put aside with its reason; it can be delivered once more', async () => {
  using home = makeHome();
  await using app = new Post(home.folder, { ATTEMPTS: '2' });
  await app.ready();
  await app.place({ key: 'a', number: 1, fails: 2 });
  await app.place({ key: 'a', number: 2 });
  // Refused before it is kept.
  await assert.rejects(app.place({ key: 'a', number: 3, priority: 10 }));
  await app.admin.post('/emit', { event: 'order.placed', payload: { number: 'three' } });
  assert.deepEqual(await app.untilDelivered(), { receiver: 'mailer', owed: 0, dead: 2, lagMs: 0 });
  assert.deepEqual(app.done(), [2]);
  const dead = await app.admin.get<{ error: string; attempts: number }[]>('/store/dead?receiver=mailer');
  assert.match(dead[0]?.error ?? '', /^Error: the post is closed, said at attempt 2\n.*mailer\.ts/);
  assert.match(dead[1]?.error ?? '', /^INVALID_INPUT: The event order\.placed does not fit the schema/);
  assert.deepEqual(
    dead.map(({ attempts }) => attempts),
    [2, 1],
  );
  await app.admin.post('/store/redrive', { receiver: 'mailer' });
  await app.untilHeard('it once more', (heard) => heard.filter(({ number }) => number === 1).length === 4);
  assert.deepEqual(await app.untilDelivered(), { receiver: 'mailer', owed: 0, dead: 2, lagMs: 0 });
});

test('a handler that stands is given up at its time, and one whose process dies is tried again', async () => {
  using home = makeHome();
  await using app = new Post(home.folder, { MAILERS: '2' });
  await app.ready();
  await app.place({ key: 'a', number: 1, ms: 1_000 });
  const [begun] = await app.untilHeard('it has begun', (heard) => heard.length > 0);
  process.kill(begun?.pid ?? 0, 'SIGKILL');
  await app.untilDelivered();
  const told = app.heard().map(({ what, attempt, pid }) => [what, attempt, pid === begun?.pid]);
  assert.deepEqual(told, [
    ['begun', 1, true],
    ['begun', 2, false],
    ['done', 2, false],
  ]);
});

test('a rolling restart of its service loses no event and does none twice', async () => {
  using home = makeHome();
  await using app = new Post(home.folder, { MAILERS: '2' });
  const mailers = (status: AppStatus): readonly InstanceStatus[] =>
    status.services.find(({ name }) => name === 'mailer')?.instances ?? [];
  const before = new Set(mailers(await app.ready()).map(({ pid }) => pid));
  for (let number = 1; number <= 100; number += 1) await app.place({ key: null, number, ms: 100 });
  await app.admin.post('/restart', { target: 'mailer', rolling: true });
  for (let number = 101; number <= 150; number += 1) await app.place({ key: null, number, ms: 20 });
  await app.until('both are new', (status) => {
    const now = mailers(status);
    return now.length === 2 && now.every(({ state, pid }) => state === 'ready' && !before.has(pid));
  });
  await app.untilDelivered();
  const done = app.done().toSorted((left, right) => left - right);
  assert.deepEqual(
    done,
    Array.from({ length: 150 }, (_none, index) => index + 1),
  );
});
