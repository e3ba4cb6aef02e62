/** The one who looks at the clock for all schedules: a store, a clock that is moved, and who is told. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ScheduleTicker } from '../../../src/services/store/schedule-ticker.ts';
import { jobsArea } from '../../../src/stores/job-queue/jobs-area.ts';
import type { Area } from '../../../src/stores/sqlite/area.ts';
import type { Store } from '../../../src/stores/sqlite/store.ts';
import { StoreFolder, turns } from '../../stores/store-folder.ts';

const area = 'jobs';
const queue = 'mail';
const day = 86_400_000;

/** Whoever flips bits. */
const anything: Area = {
  ...{ name: 'anything', migrations: [], tables: [], queries: {} },
  mutations: { run: (db, sql: string) => db.run(sql) },
};

class World implements AsyncDisposable {
  readonly folder = new StoreFolder();
  store: Store = this.folder.open([jobsArea, anything]);
  /** Of the store itself. */
  readonly quiet = this.folder.clock.pending;
  readonly told: string[] = [];
  #ticker: ScheduleTicker | undefined;

  start(): ScheduleTicker {
    const { store } = this;
    const { clock, log } = this.folder;
    this.#ticker = new ScheduleTicker({ store, clock, log, added: (name) => this.told.push(name) });
    return this.#ticker;
  }

  async every(name: string, ms: number, missed = 'once'): Promise<void> {
    const rhythm = { cron: null, every_ms: ms, time_zone: null };
    const body = '{"payload":1,"context":{}}';
    const input = { queue, name, ...rhythm, missed, overlap: 'allow', body };
    await this.store.mutate({ area, name: 'schedule', input });
    this.#ticker?.wake();
    await turns(5);
  }

  async unschedule(name: string): Promise<void> {
    await this.store.mutate({ area, name: 'unschedule', input: { queue, name } });
    this.#ticker?.wake();
    await turns(5);
  }

  async advance(ms: number): Promise<void> {
    this.folder.clock.advance(ms);
    await turns(5);
  }

  ids(): string[] {
    const page = this.store.query({ area, name: 'list', input: { queue, limit: 250 } }) as {
      jobs: { id: string }[];
    };
    return page.jobs.map(({ id }) => id).toReversed();
  }

  get timers(): number {
    return this.folder.clock.pending - this.quiet;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#ticker?.stop();
    await this.store.close();
    this.folder[Symbol.dispose]();
  }
}

test('without a schedule there is no timer; with many there is one, for the earliest tick of all', async () => {
  await using world = new World();
  world.start();
  await turns(5);
  assert.equal(world.timers, 0);
  await world.every('slow', 60 * day);
  await world.every('quick', 5_000);
  await world.every('other', 7_000);
  assert.equal(world.timers, 1);
  await world.advance(4_999);
  assert.deepEqual(world.told, []);
  await world.advance(1);
  assert.deepEqual([world.told, world.ids()], [[queue], ['quick:2026-01-01T00:00:05.000Z']]);
  await world.advance(2_000);
  assert.deepEqual(world.ids().slice(1), ['other:2026-01-01T00:00:07.000Z']);
  for (const name of ['slow', 'quick', 'other']) await world.unschedule(name);
  assert.equal(world.timers, 0);
});

test('what an owner finds that was missed is made up at once, however many changes it takes', async () => {
  await using world = new World();
  await world.every('all', 1_000, 'all');
  world.folder.clock.advance(600_000);
  world.start();
  await turns(30);
  const counts = world.store.query({ area, name: 'counts', input: { queue } }) as { waiting: number };
  assert.deepEqual([counts.waiting, world.timers], [600, 1]);
  assert.deepEqual(world.told, [queue, queue, queue]);
});

test('what was noted by a clock that was wrong is put right before anything else, and said', async () => {
  await using world = new World();
  const { folder } = world;
  await world.every('quick', 1_000);
  await world.store.close();
  const clock = { ...folder.clock, wall: () => folder.clock.wall() + 30 * day };
  world.store = folder.open([jobsArea, anything], { clock });
  await world.every('later', 1_000);
  await world.store.close();
  world.store = folder.open([jobsArea, anything]);
  world.start();
  await turns(5);
  assert.match(folder.said.at(-1) ?? '', /^warn The next ticks of schedules were not when they should be/);
  await world.advance(1_000);
  assert.deepEqual(world.ids().toSorted(), [
    'later:2026-01-01T00:00:01.000Z',
    'quick:2026-01-01T00:00:01.000Z',
  ]);
});

test('a store that cannot be read is read again', async (context) => {
  await using world = new World();
  await world.every('quick', 1_000);
  const fails = context.mock.method(world.store, 'mutate', () => Promise.reject(new Error('no')), {
    times: 1,
  });
  world.start();
  await turns(5);
  assert.deepEqual([fails.mock.callCount(), world.folder.said], [1, ['error Schedules cannot be read']]);
  await world.advance(5_000);
  assert.deepEqual(world.ids(), ['quick:2026-01-01T00:00:01.000Z']);
});

test('one that cannot tick is said', async () => {
  await using world = new World();
  await world.every('quick', 1_000);
  world.start();
  const input = { queue, name: 'worse', cron: '* * * * *', every_ms: null, time_zone: 'UTC' };
  const more = { missed: 'once', overlap: 'allow', body: '{"payload":1,"context":{}}' };
  await world.store.mutate({ area, name: 'schedule', input: { ...input, ...more } });
  const sql = "UPDATE job_schedules SET cron = 'x' WHERE name = 'worse'";
  await world.store.mutate({ area: 'anything', name: 'run', input: sql });
  await world.advance(60_000);
  assert.deepEqual(world.folder.said, ['error A schedule did not tick']);
  assert.equal(world.timers, 1);
});

test('after a stop nothing ticks', async () => {
  await using world = new World();
  const ticker = world.start();
  await world.every('quick', 1_000);
  await ticker.stop();
  assert.equal(world.timers, 0);
  ticker.wake();
  await world.advance(5_000);
  assert.deepEqual([world.ids(), world.timers], [[], 0]);
});
