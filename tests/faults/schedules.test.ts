/** The owner of the store, and who asks for a schedule at its start, are killed again and again while it ticks: each tick is one job. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { startTestApp } from '../../src/testing/index.ts';
import { makeHome } from '../journeys/command.ts';
import { Chance, times } from '../fuzz/chance.ts';

const everyMs = 1_000;

const victims = ['store:main#1', 'store:main#1', 'office#2'] as const;

test('the owner of the store is killed while a schedule ticks and everybody asks for it: each tick is one job, and none is lost', async (context) => {
  using home = makeHome();
  const chance = new Chance();
  context.diagnostic(`TUTTI_SEED=${String(chance.seed)}`);
  const app = await startTestApp(new URL('../fixtures/jobs/tutti.ts', import.meta.url), {
    processes: true,
    env: { HEARD: `${home.folder}/heard`, BEATS: 'true' },
  });
  try {
    await app.scale('office', 2);
    await app.until('office#2', 'ready');
    const ask = (action: string, ...args: unknown[]): Promise<unknown> =>
      app.call(`office.${action}`, { queue: 'work', args });
    const schedule = (): Promise<unknown> =>
      ask('schedule', 'beat', { everyMs, missed: 'all' }, { number: 1 });
    const kills = times(4, 40);
    for (let killed = 0; killed < kills; killed += 1) {
      // At a tick, just before one, between two.
      await pause(chance.below(everyMs));
      const victim = chance.pick(victims);
      await app.until(victim, 'ready');
      await app.kill(victim);
      // Answered by whoever comes next.
      await Promise.all(Array.from({ length: 8 }, schedule));
    }
    await app.until('office', 'ready');
    const [last] = (await ask('schedules')) as { nextAt: string }[];
    assert.equal(await ask('unschedule', 'beat'), true);
    const { jobs } = (await ask('list', { limit: 250 })) as { jobs: { id: string }[] };
    const found = jobs.map(({ id }) => id).toReversed();
    const [first = ''] = found;
    const firstAt = Date.parse(first.slice('beat:'.length));
    const count = Math.round((Date.parse(last?.nextAt ?? '') - firstAt) / everyMs);
    context.diagnostic(`${String(kills)} kills, ${String(count)} ticks, ${String(jobs.length)} jobs`);
    const wanted = Array.from({ length: count }, (_none, tick) => idOf(firstAt + tick * everyMs));
    // One more may have come between the question and the end.
    assert.deepEqual(found.slice(0, count), wanted);
    assert.ok(found.length <= count + 1);
    assert.ok(count > 0, 'it ticked');
  } finally {
    await app.close();
  }
});

const idOf = (at: number): string => `beat:${new Date(at).toISOString()}`;
