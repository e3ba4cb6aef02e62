/** Jobs that do not end by themselves, in a service that is isolated and in one that is not: fixtures/jobs, with a grace of 300 ms. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import type { EventPage, TuttiEvent } from '../../src/core/events.ts';
import { Command, fixture, makeHome, pidOf } from './command.ts';
import { Works } from './works.ts';
import type { JobJson, Wish } from './works.ts';

const graceMs = 300;
/** What is promised beside the grace. */
const slackMs = 1_500;
/** Of the queue `work`. */
const timeoutMs = 1_000;

interface Kill {
  readonly reason: string;
  readonly time: number;
}

/** Of workers, oldest first. */
async function kills(app: Works): Promise<Kill[]> {
  const { events } = await app.admin.get<EventPage>('/events?of=worker&after=0');
  const isKill = ({ evidence }: TuttiEvent): boolean => /^job-/.test(String(evidence['verdict']));
  return events.filter(isKill);
}

async function killed(app: Works, count: number): Promise<Kill> {
  const until = performance.now() + 15_000;
  while (performance.now() < until) {
    const all = await kills(app);
    const [last] = all.slice(-1);
    if (last !== undefined && all.length === count) return last;
    await pause(10);
  }
  throw new Error(`no process was ended\n${app.said}`);
}

/** Done in another process, at its first attempt. */
async function goesOnWithout(app: Works, pid: number): Promise<void> {
  const next = await app.add({ number: 99 });
  const { state, attempts } = await app.end(next);
  assert.deepEqual([state, attempts], ['done', 1]);
  assert.notEqual((await app.begun(next)).pid, pid);
}

/** A job that takes longer than the grace and all that may come late. */
async function outlasts(app: Works, pid: number): Promise<void> {
  const next = await app.add({ number: 98, ms: 900 }, {}, { queue: 'hardy' });
  assert.equal((await app.end(next, 'hardy')).state, 'done');
  const begun = await app.untilRan('it is begun', (ran) => ran.find((one) => one.number === 98));
  assert.equal(begun.pid, pid);
  assert.deepEqual(pidOf(await app.ready(), 'worker#1'), pid);
}

describe('A service that is isolated', () => {
  const home = makeHome();
  let app: Works;
  let kill = 0;

  before(async () => {
    app = new Works(home.folder, { ISOLATE: '1' });
    await app.ready();
  });
  after(async () => {
    await app[Symbol.asyncDispose]();
    home[Symbol.dispose]();
  });

  const cancelled = async (
    wish: Wish,
  ): Promise<{ id: string; pid: number; tookMs: number; reason: string }> => {
    const id = await app.add(wish);
    const { pid } = await app.begun(id);
    const at = Date.now();
    await app.ask('cancel', [id, 'not wanted']);
    const { time, reason } = await killed(app, (kill += 1));
    return { id, pid, tookMs: time - at, reason };
  };

  for (const how of ['deaf', 'block'])
    test(`a cancelled job that goes on is ended with its process: ${how}`, async (context) => {
      const other = await app.add({ number: 2, ms: 700 }, {}, { queue: 'hardy' });
      await app.begun(other);
      const { id, pid, tookMs, reason } = await cancelled({ number: 1, how, ms: 600_000 });
      context.diagnostic(`ended ${String(tookMs)} ms after it was cancelled`);
      assert.match(reason, /^job \d+ of work ran on for 300 ms after it was cancelled$/);
      assert.ok(tookMs >= graceMs - 20 && tookMs < graceMs + slackMs, `${String(tookMs)} ms`);
      await goesOnWithout(app, pid);
      const { state, attempts } = await app.end(id);
      assert.deepEqual([state, attempts], ['cancelled', 1]);
      assert.equal(app.ran().filter((one) => one.id === id && one.what === 'begun').length, 1);
      // As by any death of a process: what else ran there is begun once more.
      assert.equal((await app.end(other, 'hardy')).attempts, 2);
    });

  for (const how of ['deaf once', 'block once'])
    test(`a job that goes on after its time is ended with its process, and follows its attempts: ${how}`, async (context) => {
      const id = await app.add({ number: 3, how });
      const { pid, at } = await app.begun(id);
      const { time, reason } = await killed(app, (kill += 1));
      context.diagnostic(`ended ${String(time - at)} ms after it was begun`);
      assert.match(reason, /^job \d+ of work ran on for 300 ms after its time was over$/);
      const tookMs = time - at - timeoutMs;
      assert.ok(tookMs >= graceMs - 50 && tookMs < graceMs + slackMs, `${String(tookMs)} ms`);
      const { state, attempts } = await app.end(id);
      assert.deepEqual([state, attempts], ['done', 2], 'the one that ran on used up one attempt');
      assert.notEqual((await app.begun(id, 2)).pid, pid);
    });

  test('its process lives when the job ends by itself, cancelled or after its time', async () => {
    const first = await app.add({ number: 4, ms: 600_000 });
    const { pid } = await app.begun(first);
    await app.ask('cancel', [first]);
    assert.equal((await app.end(first)).state, 'cancelled');
    const second = await app.add({ number: 5, how: 'waits once' });
    const { state, attempts } = await app.end(second);
    assert.deepEqual([state, attempts], ['done', 2]);
    await outlasts(app, pid);
    assert.equal((await kills(app)).length, kill);
  });

  test('what it gives within its grace comes too late, and its handler knows how long it has', async () => {
    const id = await app.add({ number: 6, how: 'late once', ms: 200 });
    await app.begun(id, 2);
    const { reason } = await app.ask<JobJson>('get', [id]);
    assert.equal(reason, 'CALL_TIMED_OUT: No answer from worker.$job work in time');
    assert.equal((await app.end(id)).state, 'done');
    assert.equal((await kills(app)).length, kill);
  });

  test('none of it counts as a crash, and `tutti why` tells it', async () => {
    const { services } = await app.ready();
    const instances = services.find(({ name }) => name === 'worker')?.instances ?? [];
    assert.deepEqual(
      instances.map(({ restarts, crashLoop }) => [restarts, crashLoop]),
      [[0, false]],
    );
    const env = { HEARD: `${home.folder}/heard` };
    const why = new Command(home.folder, ['why', 'worker', '--app', fixture('jobs/tutti.ts')], env);
    await why.exited;
    assert.match(
      why.said,
      /is killed: job \d+ of work ran on for 300 ms after it was cancelled; a new process follows at once/,
    );
    assert.match(app.said, /A call or a job ran too long: its process is killed/);
  });
});

test('a service that is not isolated keeps its process, whatever goes on in it', async () => {
  using home = makeHome();
  await using app = new Works(home.folder);
  await app.ready();
  const id = await app.add({ number: 1, how: 'deaf', ms: 600_000 });
  const { pid } = await app.begun(id);
  await app.ask('cancel', [id]);
  assert.equal((await app.end(id)).state, 'cancelled');
  await outlasts(app, pid);
  assert.deepEqual(await kills(app), []);
});
