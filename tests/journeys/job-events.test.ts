/** Who follows a queue in real processes: in order, nothing twice, nothing missing, and a gap is told. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { bounds } from '../../src/core/bounds.ts';
import type { TestStream } from '../../src/testing/index.ts';
import { adminStream } from '../../src/testing/admin-stream.ts';
import { makeHome, pidOf } from './command.ts';
import { Works } from './works.ts';

/** As JSON brings it. */
interface Told {
  readonly type: string;
  readonly cursor: string;
  readonly at: string;
  readonly id?: string;
  readonly attempts?: number;
  readonly reason?: string;
}

const home = makeHome();
let app: Works;

before(async () => {
  app = new Works(home.folder, { WORKERS: '2', PORT: '0' });
  await app.ready();
});
after(async () => {
  await app[Symbol.asyncDispose]();
  home[Symbol.dispose]();
});

function follow(queue: string, cursor?: string): AsyncIterator<Told> {
  const body = { action: 'office.events', input: { queue, args: [{ after: cursor }] } };
  const stream: TestStream = adminStream((signal) => app.admin.follow('/stream', signal, body));
  return (stream as AsyncIterable<Told>)[Symbol.asyncIterator]();
}

async function nextOf(events: AsyncIterator<Told>): Promise<Told> {
  const next = await events.next();
  return next.done === true ? assert.fail('it has ended') : next.value;
}

/** Those up to the one that is wanted. */
async function readUntil(events: AsyncIterator<Told>, isLast: (told: Told) => boolean): Promise<Told[]> {
  const told: Told[] = [];
  for (;;) {
    const next = await nextOf(events);
    told.push(next);
    if (isLast(next)) return told;
  }
}

async function begin(
  queue: string,
): Promise<{ readonly events: AsyncIterator<Told>; readonly cursor: string }> {
  const events = follow(queue);
  const { type, cursor } = await nextOf(events);
  assert.equal(type, 'following');
  return { events, cursor };
}

const words = ({ type, id, attempts }: Told): string => `${type} ${String(id)} x${String(attempts)}`;

/** What `/metrics` says of recorded events. */
async function recorded(): Promise<string[]> {
  const text = await (await fetch(`${await app.url()}/metrics`)).text();
  return text.split('\n').filter((line) => line.startsWith('tutti_job_events{'));
}

test('nothing is recorded while nobody follows, and then of the queue that is followed alone', async () => {
  for (const queue of ['five', 'slow']) await app.end(await app.add({ number: 1 }, {}, { queue }), queue);
  assert.deepEqual(await recorded(), []);
  const { events } = await begin('five');
  for (const queue of ['five', 'slow']) await app.end(await app.add({ number: 1 }, {}, { queue }), queue);
  await readUntil(events, ({ type }) => type === 'done');
  await events.return?.();
  const lines = await recorded();
  assert.equal(lines.length, 1);
  assert.match(lines[0] ?? '', /queue="five".* 3$/);
});

test('what becomes of jobs at two workers is told in order, each attempt of each', async () => {
  const { events } = await begin('work');
  const jobs = Array.from({ length: 40 }, (_none, number) => ({
    input: { number, fails: number % 4 === 0 ? 1 : 0, ms: 5 },
  }));
  const added = await app.ask<{ id: string }[]>('addMany', [jobs]);
  let open = added.length;
  const told = await readUntil(events, ({ type }) => type === 'done' && (open -= 1) === 0);
  await events.return?.();
  for (const [number, { id }] of added.entries()) {
    const again = number % 4 === 0 ? [`again ${id} x1`, `begun ${id} x2`] : [];
    const last = `done ${id} x${again.length > 0 ? '2' : '1'}`;
    assert.deepEqual(told.filter((one) => one.id === id).map(words), [
      `added ${id} x0`,
      `begun ${id} x1`,
      ...again,
      last,
    ]);
  }
  assert.equal(new Set(told.map(({ cursor }) => cursor)).size, told.length);
  const times = told.map(({ at }) => Date.parse(at));
  assert.deepEqual(
    times,
    times.toSorted((one, other) => one - other),
  );
  const failed = told.find(({ type }) => type === 'again');
  assert.match(failed?.reason ?? '', /^Error: not yet, said at attempt 1$/);
  const ids = new Set(added.map(({ id }) => id));
  assert.equal(
    new Set(
      app
        .ran()
        .filter(({ id, queue }) => queue === 'work' && ids.has(id))
        .map(({ pid }) => pid),
    ).size,
    2,
  );
});

test('who leaves and comes back with a cursor gets what came meanwhile: nothing twice, nothing missing', async () => {
  const whole = await begin('hardy');
  const parts = await begin('hardy');
  const told: Told[] = [];
  let place = parts.cursor;
  let events = parts.events;
  for (let round = 0; round < 5; round += 1) {
    const id = await app.add({ number: round }, {}, { queue: 'hardy' });
    await app.end(id, 'hardy');
    // In the middle of what is told of it.
    for (let count = 0; count < 2; count += 1) told.push(await nextOf(events));
    await events.return?.();
    place = told.at(-1)?.cursor ?? place;
    events = follow('hardy', place);
  }
  const isLast = ({ type, id }: Told): boolean => type === 'done' && id === lastId;
  const lastId = await app.add({ number: 9 }, {}, { queue: 'hardy' });
  told.push(...(await readUntil(events, isLast)));
  assert.deepEqual(told, await readUntil(whole.events, isLast));
  assert.equal(told.length, 18);
  await Promise.all([events.return?.(), whole.events.return?.()]);
});

test('who leaves ends his question: the owner of the store has nobody left to answer', async () => {
  const waiting = (count: number): Promise<unknown> =>
    app.until(`${String(count)} wait`, ({ services }) =>
      services.some(({ name, instances }) => name === 'store:main' && instances[0]?.inFlight === count),
    );
  await waiting(0);
  const { events } = await begin('paced');
  await waiting(1);
  const leftAt = performance.now();
  await events.return?.();
  await waiting(0);
  assert.ok(performance.now() - leftAt < 10_000, 'not with the time of the question');
});

test('who falls behind is told that there is a gap, also when he comes back', async () => {
  const { events, cursor } = await begin('slow');
  await events.return?.();
  const behind = app.ask('fallBehind', [bounds.jobEvents + 2], { queue: 'slow', deadlineMs: 30_000 });
  await assert.rejects(behind, { code: 'EVENTS_LOST' });
  await assert.rejects(nextOf(follow('slow', cursor)), { code: 'EVENTS_LOST', http: 410 });
  const anew = await begin('slow');
  const id = await app.add({ number: 1 }, { delayMs: 60_000 }, { queue: 'slow' });
  assert.equal(words(await nextOf(anew.events)), `added ${id} x0`);
  await anew.events.return?.();
});

test('the owner of the store dies: who follows is told that there is a gap, and follows anew', async () => {
  const { events, cursor } = await begin('five');
  const waiting = nextOf(events);
  waiting.catch(() => undefined);
  const owner = pidOf(await app.status(), 'store:main#1');
  process.kill(owner, 'SIGKILL');
  await assert.rejects(waiting, { code: 'EVENTS_LOST' });
  await assert.rejects(nextOf(follow('five', cursor)), { code: 'EVENTS_LOST' });
  const anew = await begin('five');
  const id = await app.add({ number: 1 }, {}, { queue: 'five' });
  const told = await readUntil(anew.events, ({ type }) => type === 'done');
  assert.deepEqual(told.map(words), [`added ${id} x0`, `begun ${id} x1`, `done ${id} x1`]);
  await anew.events.return?.();
});
