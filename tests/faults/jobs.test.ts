/** Workers, the owner of the store and who adds are killed at random under load: every job that was acknowledged is done, and little of it twice. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { Chance, times } from '../fuzz/chance.ts';
import { makeHome, pidOf } from '../journeys/command.ts';
import { Works } from '../journeys/works.ts';

const clients = 8;
/** Of one process; see fixtures/jobs/worker.ts. */
const concurrency = 10;
const victims = ['office#1', 'store:main#1', 'worker#1', 'worker#2'] as const;

test('producer, owner and workers are killed under load: nothing acknowledged is lost, and no more is repeated than was in hand', async (context) => {
  using home = makeHome();
  await using app = new Works(home.folder, { WORKERS: '2' });
  await app.ready();
  const chance = new Chance();
  context.diagnostic(`TUTTI_SEED=${String(chance.seed)}`);
  const kills = times(12, 240);
  const acknowledged: number[] = [];
  const waits: number[] = [];
  let workersKilled = 0;
  let number = 0;
  let isOver = false;
  const client = async (): Promise<void> => {
    while (!isOver) {
      const mine = (number += 1);
      try {
        await app.add({ number: mine, ms: 5 }, {}, { queue: 'hardy', deadlineMs: 5_000 });
        acknowledged.push(mine);
      } catch {
        // Refused, or nobody knows.
      }
      await pause(10);
    }
  };
  const load = Array.from({ length: clients }, client);
  try {
    for (let killed = 0; killed < kills; killed += 1) {
      const status = await app.ready();
      await pause(chance.below(300));
      const victim = chance.pick(victims);
      const pid = pidOf(status, victim);
      process.kill(pid, 'SIGKILL');
      if (victim.startsWith('worker')) workersKilled += 1;
      const at = Date.now();
      // Without its producer there is nothing to begin.
      if (victim !== 'office#1') {
        const begun = await app.untilRan('something is begun', (ran) =>
          ran.findLast((one) => one.what === 'begun' && one.at > at && one.pid !== pid),
        );
        waits.push(begun.at - at);
      }
      await app.until('its death is known', (now) => pidOf(now, victim) !== pid);
    }
  } finally {
    isOver = true;
    await Promise.all(load);
  }
  const { failed } = await app.untilIdle('hardy');
  const ran = app.ran();
  const done = ran.filter(({ what }) => what === 'done').map((one) => one.number);
  const ever = new Set(done);
  const lost = acknowledged.filter((one) => !ever.has(one));
  const begunTwice = ran.filter(({ what, attempt }) => what === 'begun' && attempt > 1).length;
  const doubled =
    ran.filter(({ what }) => what === 'begun').length -
    new Set(ran.filter(({ what }) => what === 'begun').map(({ id, attempt }) => `${id} ${String(attempt)}`))
      .size;
  waits.sort((left, right) => left - right);
  context.diagnostic(
    `${String(kills)} kills, ${String(workersKilled)} of them workers; ${String(acknowledged.length)} acknowledged, ${String(lost.length)} lost, ` +
      `${String(done.length - ever.size)} done twice, ${String(begunTwice)} begun once more; something begun again after ${String(waits[waits.length >> 1])} ms, at worst ${String(waits.at(-1))}`,
  );
  assert.deepEqual(lost, []);
  assert.equal(failed, 0);
  assert.ok(acknowledged.length > 5 * kills, 'there was load');
  assert.equal(doubled, 0, 'no attempt is begun by two');
  assert.ok(begunTwice <= workersKilled * concurrency, `${String(begunTwice)} were begun once more`);
});
