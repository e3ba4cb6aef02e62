/** Worker processes are killed at random: no more jobs of a queue run at once than its limit allows, no more begin than its rate, and the places of the dead are given back. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { Chance, slowTest, times } from '../fuzz/chance.ts';
import { makeHome, pidOf } from '../journeys/command.ts';
import { Works } from '../journeys/works.ts';
import type { Ran } from '../journeys/works.ts';

/** See fixtures/jobs/queues.ts. */
const limit = 4;
const rate = { max: 10, perMs: 200 };
/** From when the store has begun a job until its process says so. */
const handedMs = 150;
const workers = ['worker#1', 'worker#2', 'worker#3'] as const;

/** By process, when it was killed. */
type Deaths = ReadonlyMap<number, number>;

/** How many ran at once at most. A run ends when it says so, or with its process. */
function mostAtOnce(ran: readonly Ran[], deaths: Deaths): number {
  const ends = new Map(
    ran.flatMap((one) => (one.what === 'done' ? [[`${one.id} ${String(one.pid)}`, one.at]] : [])),
  );
  const steps = ran
    .filter(({ what }) => what === 'begun')
    .flatMap(({ id, pid, at }) => {
      const end = ends.get(`${id} ${String(pid)}`) ?? deaths.get(pid) ?? Infinity;
      return [
        { at, more: 1 },
        { at: end, more: -1 },
      ];
    })
    // Of one millisecond the ends first: the place of one is that of the next.
    .toSorted((left, right) => left.at - right.at || left.more - right.more);
  let now = 0;
  return steps.reduce((most, { more }) => Math.max(most, (now += more)), 0);
}

/** Of all stretches of time the one in which most began beyond what it may have: so many in each window, and one more window that it cuts. */
function mostBeyondRate(begunAt: readonly number[]): number {
  let beyond = -Infinity;
  for (const [first, from] of begunAt.entries())
    for (const [more, at] of begunAt.slice(first).entries()) {
      const may = rate.max * (Math.ceil((at - from + handedMs) / rate.perMs) + 1);
      beyond = Math.max(beyond, more + 1 - may);
    }
  return beyond;
}

async function underKills(
  context: TestContext,
  queue: 'slow' | 'paced',
  { jobs, ms }: { readonly jobs: number; readonly ms: number },
): Promise<{ readonly ran: readonly Ran[]; readonly deaths: Deaths; readonly kills: number }> {
  using home = makeHome();
  await using app = new Works(home.folder, { WORKERS: String(workers.length) });
  await app.ready();
  const chance = new Chance();
  context.diagnostic(`TUTTI_SEED=${String(chance.seed)}`);
  const wishes = Array.from({ length: jobs }, (_none, number) => ({ input: { number, ms } }));
  await app.ask('addMany', [wishes], { queue });
  const deaths = new Map<number, number>();
  const isOpen = async (): Promise<boolean> => {
    const { waiting, delayed, running } = await app.counts(queue);
    return waiting + delayed + running > limit * workers.length;
  };
  while (await isOpen()) {
    const status = await app.ready();
    await pause(chance.below(250));
    const slot = chance.pick(workers);
    const pid = pidOf(status, slot);
    deaths.set(pid, Date.now());
    process.kill(pid, 'SIGKILL');
    await app.until('its death is known', (now) => pidOf(now, slot) !== pid);
  }
  const { done, failed } = await app.untilIdle(queue);
  assert.deepEqual([done, failed], [jobs, 0], 'the places of the dead were given back');
  await app.ready();
  if (queue === 'slow') {
    // All of them, once nobody dies any more.
    const last = Array.from({ length: 2 * limit }, (_none, number) => ({ input: { number, ms: 300 } }));
    const from = app.ran().length;
    await app.ask('addMany', [last], { queue });
    await app.untilIdle(queue);
    assert.equal(mostAtOnce(app.ran().slice(from), deaths), limit);
  }
  return { ran: app.ran(), deaths, kills: deaths.size };
}

test('no more run at once than the limit of the queue, whoever is killed, and the places of the dead are given back', async (context) => {
  const { ran, deaths, kills } = await underKills(context, 'slow', { jobs: times(300, 3_000), ms: 60 });
  const most = mostAtOnce(ran, deaths);
  const again = ran.filter(({ what, attempt }) => what === 'begun' && attempt > 1).length;
  context.diagnostic(
    `${String(kills)} kills, at most ${String(most)} of ${String(limit)} at once, ${String(again)} begun once more`,
  );
  assert.equal(most, limit);
  assert.ok(kills >= 3, `${String(kills)} kills`);
});

slowTest(
  'no more begin than the rate of the queue, whoever is killed: so many in each window, wherever one looks',
  async (context) => {
    const { ran, kills } = await underKills(context, 'paced', { jobs: times(300, 3_000), ms: 30 });
    const begunAt = ran.flatMap(({ what, at }) => (what === 'begun' ? [at] : [])).toSorted((a, b) => a - b);
    const beyond = mostBeyondRate(begunAt);
    const perSecond = (begunAt.length / ((begunAt.at(-1) ?? 0) - (begunAt[0] ?? 0))) * 1_000;
    context.diagnostic(
      `${String(kills)} kills, ${String(begunAt.length)} begun, ${perSecond.toFixed(1)} a second of at most ${String((rate.max * 1_000) / rate.perMs)}; nearest to the bound ${String(beyond)}`,
    );
    assert.ok(beyond <= 0, `${String(beyond)} more than they may be`);
    assert.ok(perSecond <= (rate.max * 1_000) / rate.perMs + 1);
    assert.ok(kills >= 3, `${String(kills)} kills`);
  },
);
