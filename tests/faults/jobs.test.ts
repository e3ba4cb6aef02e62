/** Workers, the owner of the store and who adds are killed at random under load: every job that was acknowledged is done, and little of it twice. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { Chance, times } from '../fuzz/chance.ts';
import { makeHome, pidOf } from '../journeys/command.ts';
import { Works } from '../journeys/works.ts';
import { countOf, killsText, spreadText, victimsOf, waitsAfter } from './victims.ts';
import type { Kill } from './victims.ts';

const clients = 8;
/** That every other client adds in one turn of the event loop: they are one change of the store. */
const together = 5;
/** Of one process; see fixtures/jobs/worker.ts. */
const concurrency = 10;
const kinds = { producer: ['office#1'], owner: ['store:main#1'], worker: ['worker#1', 'worker#2'] } as const;
/** At most until a killed worker's jobs run again, beside their backoff of 1 ms. */
const againMs = 1_000;

test('producer, owner and workers are killed under load: nothing acknowledged is lost, and no more is repeated than was in hand', async (context) => {
  using home = makeHome();
  await using app = new Works(home.folder, { WORKERS: '2' });
  await app.ready();
  const chance = new Chance();
  context.diagnostic(`TUTTI_SEED=${String(chance.seed)}`);
  const victims = victimsOf(kinds, times(4, 60), chance);
  const acknowledged: number[] = [];
  const groups: (readonly number[])[] = [];
  const kills: Kill[] = [];
  let number = 0;
  let isOver = false;
  const client = async (size: number): Promise<void> => {
    while (!isOver) {
      const mine = Array.from({ length: size }, () => (number += 1));
      groups.push(mine);
      try {
        const wishes = mine.map((one) => ({ number: one, ms: 5 }));
        await app.ask('addTogether', wishes, { queue: 'hardy', deadlineMs: 5_000 });
        acknowledged.push(...mine);
      } catch {
        // Refused, or nobody knows.
      }
      await pause(10 * size);
    }
  };
  const load = Array.from({ length: clients }, (_none, index) => client(index % 2 === 0 ? 1 : together));
  try {
    for (const { kind, slot } of victims) {
      const status = await app.ready();
      await pause(chance.below(300));
      const pid = pidOf(status, slot);
      process.kill(pid, 'SIGKILL');
      const at = Date.now();
      kills.push({ kind, at });
      // Without its producer there is nothing to begin.
      if (kind !== 'producer')
        await app.untilRan('something is begun', (ran) =>
          ran.findLast((one) => one.what === 'begun' && one.at > at && one.pid !== pid),
        );
      await app.until('its death is known', (now) => pidOf(now, slot) !== pid);
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
  const begun = ran.filter(({ what }) => what === 'begun');
  const attempts = new Set(begun.map(({ id, attempt }) => `${id} ${String(attempt)}`));
  const again = begun.filter(({ attempt }) => attempt > 1);
  const repeated = begun.length - new Set(begun.map(({ id }) => id)).size;
  const waits = waitsAfter('worker', kills, begun);
  const inHand = countOf(victims, 'worker') * concurrency;
  // What an owner had handed over when it died, and no worker says that it has, may have run or not: that is an attempt.
  const handed = inHand + countOf(victims, 'owner') * kinds.worker.length * concurrency;
  context.diagnostic(
    `killed: ${killsText(victims)}; ${String(acknowledged.length)} acknowledged, ${String(lost.length)} lost, ${String(done.length - ever.size)} done twice, ` +
      `${String(repeated)} begun twice (at most ${String(inHand)}), ${String(again.length)} at a later attempt (at most ${String(handed)}); ` +
      `begun again after the death of a worker: ${String(waits.length)}, ${spreadText(waits)} later`,
  );
  assert.deepEqual(lost, []);
  const halves = groups.filter((group) => new Set(group.map((one) => ever.has(one))).size > 1);
  assert.deepEqual(halves, [], 'what is added in one turn is there as a whole, or not at all');
  assert.equal(failed, 0);
  assert.ok(acknowledged.length > 5 * victims.length, 'there was load');
  assert.equal(attempts.size, begun.length, 'no attempt is begun by two');
  assert.ok(repeated <= inHand, `${String(repeated)} were begun once more`);
  assert.ok(again.length <= handed, `${String(again.length)} lost an attempt`);
  assert.ok(Math.max(0, ...waits) < againMs, `at worst ${String(Math.max(...waits))} ms`);
});
