/** Schedules in a store, with a clock that is moved: one job for each tick, what becomes of those that were missed, and what is refused. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bounds } from '../../../src/core/bounds.ts';
import { jobsArea } from '../../../src/stores/job-queue/jobs-area.ts';
import { jobSchedules } from '../../../src/stores/job-queue/schedules.ts';
import { checksumOf } from '../../../src/stores/sqlite/checksum.ts';
import { setBound } from '../store-folder.ts';
import { area, at, hour, midnight, queue, ScheduleWorld } from './schedule-world.ts';

test('each tick is one job, however often and by however many it is looked for, and never before its time', async () => {
  await using world = new ScheduleWorld();
  const { clock } = world.folder;
  assert.equal((await world.schedule()).next_at, midnight + hour);
  clock.advance(hour - 1);
  assert.deepEqual(await world.tick(), { queues: [], nextAt: midnight + hour, troubles: [] });
  clock.advance(1);
  const looks = await Promise.all(Array.from({ length: 8 }, () => world.tick()));
  assert.deepEqual(
    looks.map(({ queues }) => queues.length),
    [1, 0, 0, 0, 0, 0, 0, 0],
  );
  const [job] = world.jobs();
  assert.deepEqual([world.ids(), job?.schedule, job?.state], [[`nightly:${at(hour)}`], 'nightly', 0]);
  assert.equal(job?.body, '{"payload":1,"context":{}}');
  clock.advance(hour);
  await world.tick();
  assert.deepEqual(world.ids(), [`nightly:${at(hour)}`, `nightly:${at(2 * hour)}`]);
  assert.deepEqual(world.schedules()[0]?.last_at, midnight + 2 * hour);
});

test('a tick and the next time are one change: whoever dies after it left both, before it none', async () => {
  await using world = new ScheduleWorld();
  await world.schedule();
  world.folder.clock.advance(hour);
  void world.tick().catch(() => undefined);
  // Its commit is the last.
  await world.away(0);
  assert.deepEqual([world.ids().length, world.nextAt()], [1, at(2 * hour)]);
  await world.tick();
  assert.equal(world.ids().length, 1);
});

test('asked for again it stays as it is and nothing is written; with another rhythm it begins anew', async () => {
  await using world = new ScheduleWorld();
  const { clock } = world.folder;
  const every = { cron: null, time_zone: null, every_ms: 5_000 };
  await world.schedule(every);
  clock.advance(4_000);
  const { commits } = world.store.stats();
  await Promise.all(Array.from({ length: 8 }, () => world.schedule(every)));
  assert.deepEqual([world.store.stats().commits - commits, world.nextAt()], [0, at(5_000)]);
  const other = { ...every, body: '{"payload":2,"context":{}}', overlap: 'skip' } as const;
  assert.equal((await world.schedule(other)).next_at, midnight + 5_000, 'what it adds is not its rhythm');
  assert.equal((await world.schedule({ ...other, every_ms: 6_000 })).next_at, midnight + 10_000);
  clock.advance(6_000);
  await world.tick();
  assert.deepEqual(
    world.jobs().map(({ id, body }) => [id, body]),
    [[`nightly:${at(10_000)}`, other.body]],
  );
  assert.equal((await world.schedule()).next_at, midnight + hour);
});

test('one that is made while its tick is due does not take it back', async () => {
  await using world = new ScheduleWorld();
  await world.schedule();
  world.folder.clock.advance(hour + 5);
  await world.schedule();
  await world.tick();
  assert.deepEqual(world.ids(), [`nightly:${at(hour)}`]);
});

const missed = {
  once: [hour],
  skip: [],
  all: [hour, 2 * hour, 3 * hour],
} as const;
for (const [policy, ticks] of Object.entries(missed))
  test(`nobody was there for three ticks, ${policy}: ${String(ticks.length)} jobs, and it goes on in its rhythm`, async () => {
    await using world = new ScheduleWorld();
    await world.schedule({ missed: policy as keyof typeof missed });
    await world.away(3 * hour + 1_800_000);
    await world.tick();
    assert.deepEqual(
      world.ids(),
      ticks.map((ms) => `nightly:${at(ms)}`),
    );
    assert.equal(world.nextAt(), at(4 * hour));
  });

test('skip: a tick that is less than a minute late was not missed', async () => {
  await using world = new ScheduleWorld();
  await world.schedule({ missed: 'skip' });
  await world.away(3 * hour + 60_000);
  await world.tick();
  assert.deepEqual(world.ids(), [`nightly:${at(3 * hour)}`]);
});

test('more than one change may touch are made up change by change, each once', async () => {
  await using world = new ScheduleWorld();
  await world.schedule({ missed: 'all' });
  await world.schedule({ name: 'other' });
  await world.away(300 * hour);
  const looks = [await world.tick(), await world.tick()];
  assert.deepEqual(
    looks.map(({ nextAt }) => nextAt),
    [midnight + hour, midnight + 301 * hour],
  );
  const counts = world.store.query({ area, name: 'counts', input: { queue } }) as { waiting: number };
  assert.equal(counts.waiting, 301);
});

test('overlap skip: while a job of it is open no other is added, also after a restart', async () => {
  await using world = new ScheduleWorld();
  const { clock } = world.folder;
  await world.schedule({ overlap: 'skip' });
  await world.schedule({ name: 'other' });
  clock.advance(hour);
  await world.tick();
  await world.away(hour);
  await world.tick();
  assert.deepEqual(world.ids(), [`nightly:${at(hour)}`, `other:${at(hour)}`, `other:${at(2 * hour)}`]);
  await world.work();
  clock.advance(hour);
  await world.tick();
  assert.deepEqual(world.ids().slice(3), [`nightly:${at(3 * hour)}`, `other:${at(3 * hour)}`]);
});

test('one that is taken away adds nothing more, and its jobs stay', async () => {
  await using world = new ScheduleWorld();
  await world.schedule();
  world.folder.clock.advance(hour);
  await world.tick();
  assert.deepEqual([await world.unschedule('nightly'), await world.unschedule('nightly')], [true, false]);
  world.folder.clock.advance(hour);
  assert.deepEqual(await world.tick(), { queues: [], nextAt: null, troubles: [] });
  assert.equal(world.ids().length, 1);
});

test('a next tick that is far off, since the clock was, is put right; one that is right stays', async () => {
  await using world = new ScheduleWorld();
  await world.schedule();
  await world.schedule({ name: 'every', cron: null, time_zone: null, every_ms: 5_000 });
  assert.equal((await world.repair()).repaired, 0);
  const { folder } = world;
  await world.store.close();
  // A store that was opened on a wrong day noted what is next by it.
  world.store = folder.open([jobsArea], {
    clock: { ...folder.clock, wall: () => midnight + 30 * 24 * hour },
  });
  await world.tick();
  await world.store.close();
  world.store = folder.open([jobsArea]);
  assert.deepEqual(await world.repair(), { repaired: 2, after: null, troubles: [] });
  assert.deepEqual(
    world.schedules().map(({ next_at }) => next_at),
    [midnight + 5_000, midnight + hour],
  );
});

test('one whose time zone is not known any more ticks no more, and holds up no other', async () => {
  await using world = new ScheduleWorld();
  await world.schedule({ name: 'a' });
  await world.schedule({ name: 'b' });
  // As it would be written by whoever knew it.
  const [row] = world.schedules();
  const sum = checksumOf(jobSchedules, { ...row, time_zone: 'Mars/Base' });
  await world.change(
    `UPDATE job_schedules SET time_zone = 'Mars/Base', checksum = ${String(sum)} WHERE name = 'a'`,
  );
  world.folder.clock.advance(hour);
  const { troubles, nextAt } = await world.tick();
  assert.match(troubles[0]?.reason ?? '', /^It ticks no more: .*Mars\/Base/);
  assert.deepEqual(
    [world.ids(), nextAt, world.schedules()[0]?.next_at],
    [[`b:${at(hour)}`], midnight + 2 * hour, null],
  );
  assert.equal((await world.schedule({ name: 'a' })).next_at, midnight + 2 * hour);
});

test('one that is not as it was written ticks no more, and holds up no other', async () => {
  await using world = new ScheduleWorld();
  await world.schedule({ name: 'a' });
  await world.schedule({ name: 'b' });
  await world.change("UPDATE job_schedules SET body = 'x' WHERE name = 'a'");
  world.folder.clock.advance(hour);
  const { troubles, nextAt } = await world.tick();
  assert.deepEqual(
    troubles.map(({ name }) => name),
    ['a'],
  );
  assert.deepEqual([world.ids(), nextAt], [[`b:${at(hour)}`], midnight + 2 * hour]);
  assert.equal((await world.repair()).troubles.length, 1);
  assert.throws(() => world.schedules(), { code: 'STORE_CORRUPT' });
  await world.unschedule('a');
  assert.equal(world.schedules().length, 1);
});

test('one that is damaged is made anew by who asks for it: it keeps no service from starting', async () => {
  await using world = new ScheduleWorld();
  await world.schedule({ name: 'a' });
  await world.change("UPDATE job_schedules SET body = 'x' WHERE name = 'a'");
  await world.schedule({ name: 'a' });
  assert.equal(world.schedules()[0]?.next_at, midnight + hour);
});

test('the schedules of a queue are bounded, and what is no rhythm is refused', async (context) => {
  await using world = new ScheduleWorld();
  setBound(context, 'schedules', 2);
  await world.schedule({ name: 'a' });
  await world.schedule({ name: 'b' });
  const message = /^The queue mail has 2 schedules, and no room for more/;
  await assert.rejects(world.schedule({ name: 'c' }), { code: 'INVALID_INPUT', message });
  await world.schedule({ name: 'b', cron: '5 * * * *' });
  await world.schedule({ name: 'c', queue: 'other' });
  await assert.rejects(world.schedule({ name: 'b', cron: 'x' }), { code: 'INVALID_INPUT' });
  assert.equal(world.schedules()[1]?.cron, '5 * * * *');
});

test('to a full queue nothing is added, and its schedules go on', async (context) => {
  await using world = new ScheduleWorld();
  setBound(context, 'openJobs', 1);
  await world.schedule();
  world.folder.clock.advance(hour);
  await world.tick();
  world.folder.clock.advance(hour);
  const { troubles, nextAt } = await world.tick();
  assert.match(troubles[0]?.reason ?? '', /^The queue is full/);
  assert.deepEqual([world.ids().length, nextAt], [1, midnight + 3 * hour]);
  assert.equal(world.schedules()[0]?.last_at, midnight + hour);
});

test('N-59 as many as a queue may have, each of which ticks every second, are made up page by page, one job for each tick', async (context) => {
  await using world = new ScheduleWorld();
  const names = Array.from({ length: bounds.schedules }, (_none, index) => `each ${String(index)}`);
  await Promise.all(names.map((name) => world.schedule({ name, cron: '* * * * * *' })));
  await assert.rejects(world.schedule({ name: 'more', cron: '* * * * * *' }), { code: 'INVALID_INPUT' });
  world.folder.clock.advance(1_000);
  let pages = 0;
  let worstMs = 0;
  for (let nextAt: number | null = 0; nextAt !== null && nextAt <= midnight + 1_000; pages += 1) {
    const from = performance.now();
    ({ nextAt } = await world.tick());
    worstMs = Math.max(worstMs, performance.now() - from);
  }
  const counts = world.store.query({ area, name: 'counts', input: { queue } }) as { waiting: number };
  context.diagnostic(`${String(pages)} changes, at worst ${worstMs.toFixed(0)} ms`);
  assert.equal(counts.waiting, names.length);
  assert.ok(pages >= names.length / bounds.jobPage && worstMs < 1_000, `${String(worstMs)} ms`);
});
