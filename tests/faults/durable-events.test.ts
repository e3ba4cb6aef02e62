/** Who emits, who owns the store and who handles are killed at random under load: what was acknowledged is handled, each key in its order. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { makeHome, pidOf } from '../journeys/command.ts';
import type { Heard } from '../journeys/heard.ts';
import { Post } from '../journeys/heard.ts';
import { Chance, times } from '../fuzz/chance.ts';
import { countOf, killsText, spreadText, victimsOf, waitsAfter } from './victims.ts';
import type { Kill } from './victims.ts';

const keys = 8;
const kinds = {
  publisher: ['orders#1'],
  owner: ['store:main#1'],
  consumer: ['mailer#1', 'mailer#2'],
} as const;
/** At most until the events of a killed consumer are handled again, their backoff of 100 ms and a fifth among it. */
const againMs = 1_120;

test('publisher, owner and consumer are killed under load: nothing acknowledged is lost, and each key keeps its order', async (context) => {
  using home = makeHome();
  await using app = new Post(home.folder, { MAILERS: '2', ATTEMPTS: '1000' });
  await app.ready();
  const chance = new Chance();
  context.diagnostic(`TUTTI_SEED=${String(chance.seed)}`);
  const victims = victimsOf(kinds, times(4, 60), chance);
  const kills: Kill[] = [];
  const acknowledged: number[] = [];
  let number = 0;
  let refused = 0;
  let isOver = false;
  const publisher = async (key: string): Promise<void> => {
    while (!isOver) {
      const mine = (number += 1);
      try {
        await app.place({ key, number: mine, ms: 3 }, 5_000);
        acknowledged.push(mine);
      } catch {
        refused += 1;
      }
      await pause(10);
    }
  };
  const publishers = Array.from({ length: keys }, (_none, index) => publisher(`k${String(index)}`));
  try {
    for (const { kind, slot } of victims) {
      const status = await app.ready();
      await pause(chance.below(300));
      const pid = pidOf(status, slot);
      process.kill(pid, 'SIGKILL');
      kills.push({ kind, at: Date.now() });
      await app.until('its death is known', (now) => pidOf(now, slot) !== pid);
    }
  } finally {
    isOver = true;
    await Promise.all(publishers);
  }
  const { dead } = await app.untilDelivered();
  const heard = app.heard();
  const done = heard.filter(({ what }) => what === 'done');
  const handled = new Set(done.map((each) => each.number));
  const lost = acknowledged.filter((each) => !handled.has(each));
  const repeats = done.length - handled.size;
  const waits = waitsAfter(
    'consumer',
    kills,
    heard.filter(({ what }) => what === 'begun'),
  );
  // Of each key at most one is under way when somebody dies; who publishes has none.
  const underWay = countOf(victims, 'owner', 'consumer') * keys;
  context.diagnostic(
    `killed: ${killsText(victims)}; ${String(acknowledged.length)} acknowledged, ${String(refused)} refused or unknown, ${String(lost.length)} lost, ` +
      `${String(repeats)} handled twice (at most ${String(underWay)}), begun again after the death of a consumer: ${String(waits.length)}, ${spreadText(waits)} later`,
  );
  assert.deepEqual(lost, []);
  assert.equal(dead, 0);
  assert.ok(acknowledged.length > 5 * victims.length, 'there was load');
  assert.ok(repeats <= underWay, `${String(repeats)} were handled twice`);
  assert.ok(Math.max(0, ...waits) < againMs, `at worst ${String(Math.max(...waits))} ms`);
  // What was not acknowledged has no place: it may have come to the store late.
  const known = new Set(acknowledged);
  for (let key = 0; key < keys; key += 1) {
    const isOfKey = (each: Heard): boolean => each.key === `k${String(key)}` && known.has(each.number);
    const first = new Set(done.filter(isOfKey).map((each) => each.number));
    const order = [...first];
    assert.deepEqual(
      order,
      order.toSorted((left, right) => left - right),
      `k${String(key)}`,
    );
  }
});
