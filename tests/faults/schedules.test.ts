/** The owner of the store, and who asks for a schedule at its start, are killed again and again while it ticks: each tick is one job. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { startTestApp } from '../../src/testing/index.ts';
import type { TestApp } from '../../src/testing/index.ts';
import { makeHome } from '../journeys/command.ts';
import { Chance, times } from '../fuzz/chance.ts';

const everyMs = 1_000;

test('the owner of the store is killed while a schedule ticks and everybody asks for it: each tick is one job, and none is lost', async (context) => {
  await using beats = await Beats.start(context, 2);
  const victims = ['store:main#1', 'store:main#1', 'office#2'] as const;
  const kills = times(4, 40);
  for (let killed = 0; killed < kills; killed += 1) {
    // At a tick, just before one, between two.
    await pause(beats.chance.below(everyMs));
    await beats.kill(beats.chance.pick(victims));
    // Answered by whoever comes next.
    await Promise.all(Array.from({ length: 8 }, () => beats.schedule()));
  }
  const { ticks } = await beats.holdUp();
  context.diagnostic(`${String(kills)} kills, ${String(ticks)} ticks`);
});

test('eight processes declare one schedule at each of their starts and are killed at random: there is one job for each tick', async (context) => {
  await using beats = await Beats.start(context, 8);
  const wanted = times(12, 120);
  let kills = 0;
  do {
    const slot = `office#${String(1 + beats.chance.below(8))}`;
    await pause(beats.chance.below(everyMs / 2));
    await beats.kill(slot);
    kills += 1;
  } while ((await beats.passed()) < wanted);
  const { ticks, lateMs } = await beats.holdUp();
  context.diagnostic(
    `${String(kills)} kills, ${String(ticks)} ticks, each one job; added at worst ${String(lateMs)} ms after its time`,
  );
  assert.ok(kills >= wanted / 4, 'it was killed under load');
});

interface Listed {
  readonly id: string;
  readonly addedAt: string;
}

/** An app whose office, in so many processes, asks at each start for a schedule that ticks each second. */
class Beats implements AsyncDisposable {
  readonly chance: Chance;
  readonly #app: TestApp;
  readonly #home: Disposable;

  private constructor(app: TestApp, chance: Chance, home: Disposable) {
    this.#app = app;
    this.chance = chance;
    this.#home = home;
  }

  static async start(context: TestContext, offices: number): Promise<Beats> {
    const home = makeHome();
    const chance = new Chance();
    context.diagnostic(`TUTTI_SEED=${String(chance.seed)}`);
    const app = await startTestApp(new URL('../fixtures/jobs/tutti.ts', import.meta.url), {
      processes: true,
      env: { HEARD: `${home.folder}/heard`, BEATS: 'true' },
    });
    await app.scale('office', offices);
    await app.until('office', 'ready');
    return new Beats(app, chance, home);
  }

  #ask(action: string, ...args: unknown[]): Promise<unknown> {
    return this.#app.call(`office.${action}`, { queue: 'work', args });
  }

  schedule(): Promise<unknown> {
    return this.#ask('schedule', 'beat', { everyMs, missed: 'all' }, { number: 1 });
  }

  async kill(slot: string): Promise<void> {
    await this.#app.until(slot, 'ready');
    await this.#app.kill(slot);
  }

  /** How many ticks have become jobs. */
  async passed(): Promise<number> {
    return (await this.#jobs()).length;
  }

  /** In their order. */
  async #jobs(): Promise<readonly Listed[]> {
    const { jobs } = (await this.#ask('list', { limit: 250 })) as { jobs: Listed[] };
    return jobs.toReversed();
  }

  /** Each tick since the first is one job, and there is no other. */
  async holdUp(): Promise<{ readonly ticks: number; readonly lateMs: number }> {
    await this.#app.until('office', 'ready');
    const [last] = (await this.#ask('schedules')) as { nextAt: string }[];
    assert.equal(await this.#ask('unschedule', 'beat'), true);
    const jobs = await this.#jobs();
    const [{ id } = { id: '' }] = jobs;
    const firstAt = tickOf(id);
    const ticks = Math.round((Date.parse(last?.nextAt ?? '') - firstAt) / everyMs);
    assert.ok(ticks > 0, 'it ticked');
    // One more may have come between the question and the end.
    assert.ok(jobs.length <= ticks + 1, `${String(jobs.length)} jobs`);
    const wanted = Array.from({ length: ticks }, (_none, tick) => idOf(firstAt + tick * everyMs));
    assert.deepEqual(
      jobs.slice(0, ticks).map((job) => job.id),
      wanted,
    );
    const late = jobs.map((job) => Date.parse(job.addedAt) - tickOf(job.id));
    assert.ok(Math.min(...late) >= 0, 'none before its time');
    return { ticks, lateMs: Math.max(...late) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#app.close();
    this.#home[Symbol.dispose]();
  }
}

const tickOf = (id: string): number => Date.parse(id.slice('beat:'.length));
const idOf = (at: number): string => `beat:${new Date(at).toISOString()}`;
