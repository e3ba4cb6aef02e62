/** Who ends again and again: how long the waits are, and when somebody is given up. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { slowTest } from '../fuzz/chance.ts';
import { fixture, instanceOf, makeHome } from '../journeys/command.ts';
import { times } from '../fuzz/chance.ts';
import { WatchedApp } from './watched-app.ts';
import type { Seen } from './watched-app.ts';

const acts = fixture('faults/acts.ts');

const waiting: readonly string[] = ['backoff', 'pending'];

/** From each end to the next start, and how many failures in a row it was. A wait of nothing is no backoff. */
function waits(events: readonly Seen[]): { failures: number; waitedMs: number }[] {
  const ends = events.filter(
    ({ from, to }) => !waiting.includes(from) && from !== 'stopped' && waiting.includes(to),
  );
  return ends.flatMap((end) => {
    const next = events.find(({ seq, to }) => seq > end.seq && to === 'starting');
    return next === undefined ? [] : [{ failures: end.failures, waitedMs: next.time - end.time }];
  });
}

/** 0, 250 ms, 500 ms … each a fifth more or less; a busy machine is late, but never early. */
function assertWaits(events: readonly Seen[], most: number): void {
  const found = waits(events).slice(0, most);
  assert.deepEqual(
    found.map(({ failures }) => failures),
    Array.from({ length: most }, (_, n) => n + 1),
  );
  for (const { failures, waitedMs } of found) {
    const dueMs = failures === 1 ? 0 : 250 * 2 ** (failures - 2);
    assert.ok(waitedMs >= dueMs * 0.8 - 2, `${String(waitedMs)} ms before start ${String(failures)}`);
    assert.ok(waitedMs <= dueMs * 1.2 + 1_000, `${String(waitedMs)} ms before start ${String(failures)}`);
  }
}

const lives: [what: string, act: string, env: Record<string, string>][] = [
  ['fault 3: what exits with 1 at once for ever', 'exit:1', {}],
  ['fault 4: what is ready, and ends before `minUptime`, for ever', 'lives:300', { MIN_UPTIME: '1200' }],
];
for (const [what, act, env] of lives)
  test(`${what} waits 0, 250 ms, 500 ms and so on, a fifth more or less, and is a crash loop from the fifth time`, async () => {
    using home = makeHome();
    await using app = new WatchedApp(home.folder, acts, { ACTS: act, ...env });
    const most = times(5, 8);
    const status = await app.until(
      'it has looped',
      (now) => instanceOf(now, 'actor#1').epoch > most && instanceOf(now, 'actor#1').state === 'backoff',
      120_000,
    );
    assert.equal(instanceOf(status, 'actor#1').crashLoop, true);
    const events = app.eventsOf('actor#1');
    assertWaits(events, most);
    const first = events.find(({ crashLoop }) => crashLoop);
    assert.deepEqual([first?.failures, first?.to], [5, 'backoff']);
    if (act === 'exit:1') {
      await app.hears('Instance ends again and again');
      assert.match(app.said, /no reason at all/, 'its last lines are shown');
    }
    await app.end();
  });

slowTest(
  'fault 5: after quick failures and one long enough life the next crash is a first one, and it is back at once',
  async () => {
    using home = makeHome();
    const env = { ACTS: 'exit:1,exit:1,exit:1,exit:1,lives:1600,ready', MIN_UPTIME: '600' };
    await using app = new WatchedApp(home.folder, acts, env);
    await app.until('it lives the sixth time', (now) => {
      const { epoch, state } = instanceOf(now, 'actor#1');
      return epoch === 6 && state === 'ready';
    });
    const found = waits(app.eventsOf('actor#1'));
    assert.deepEqual(
      found.map(({ failures }) => failures),
      [1, 2, 3, 4, 1],
    );
    assert.ok((found[4]?.waitedMs ?? Infinity) < 1_000, `${String(found[4]?.waitedMs)} ms`);
    await app.end();
  },
);

test('fault 7: exit 78 says that the configuration is refused: given up at once, and a start tries again', async () => {
  using home = makeHome();
  await using app = new WatchedApp(home.folder, acts, { ACTS: 'exit:78,ready' });
  const failed = await app.until('it is given up', (now) => instanceOf(now, 'actor#1').state === 'failed');
  assert.equal(instanceOf(failed, 'actor#1').epoch, 1);
  assert.match(instanceOf(failed, 'actor#1').reason, /78/);
  await app.admin.post('/start', { target: 'actor' });
  await app.ready();
  assert.equal(instanceOf(await app.status(), 'actor#1').epoch, 2);
  await app.end();
});
