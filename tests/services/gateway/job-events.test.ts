/** A queue that somebody follows at a gateway; an app in one process, with workers that do its jobs. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setImmediate as aTurn } from 'node:timers/promises';
import { bounds } from '../../../src/core/bounds.ts';
import type { StoreClient } from '../../../src/mesh/store-client.ts';
import { followEvents } from '../../../src/services/gateway/job-events.ts';
import { fakeClock } from '../../../src/testing/fake-clock.ts';
import { startTestApp } from '../../../src/testing/index.ts';
import type { TestApp } from '../../../src/testing/index.ts';
import { setBound } from '../../stores/store-folder.ts';
import { sseEvents } from './sse-events.ts';
import type { SseEvent } from './sse-events.ts';

interface Told {
  readonly cursor: string;
  readonly type: string;
  readonly at: string;
  readonly id?: string;
  readonly attempts?: number;
  readonly reason?: string;
  readonly progress?: unknown;
}

const folder = mkdtempSync(join(tmpdir(), 'tutti-events-'));
let app: TestApp;

before(async () => {
  const env = { HEARD: join(folder, 'heard'), PORT: '0' };
  app = await startTestApp(new URL('../../fixtures/jobs/tutti.ts', import.meta.url), { env });
});
after(async () => {
  await app.close();
  rmSync(folder, { recursive: true, force: true });
});

const follow = (queue: string, headers = {}, query = ''): Promise<Response> =>
  fetch(`${app.gatewayUrl()}/jobs/${queue}/events${query}`, { headers });
/** Of a reader whose `EventSource` has seen this event. */
const followBehind = (queue: string, cursor: string, more = {}): Promise<Response> =>
  follow(queue, { 'last-event-id': cursor, ...more });

async function add(queue: string, input: object, more: object = {}): Promise<string> {
  const response = await fetch(`${app.gatewayUrl()}/jobs/${queue}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ input: { number: 1, ...input }, ...more }),
  });
  return ((await response.json()) as { id: string }).id;
}

async function nextOf(events: AsyncGenerator<SseEvent, undefined>): Promise<Told> {
  const next = await events.next();
  assert.ok(next.done !== true && next.value.event === 'message', JSON.stringify(next.value));
  return next.value.data as Told;
}

async function readUntil(events: AsyncGenerator<SseEvent, undefined>, type: string): Promise<Told[]> {
  const told: Told[] = [];
  do told.push(await nextOf(events));
  while (told.at(-1)?.type !== type);
  return told;
}

async function begin(
  queue: string,
): Promise<{ readonly events: AsyncGenerator<SseEvent, undefined>; readonly cursor: string }> {
  const events = sseEvents(await follow(queue));
  const { type, cursor } = await nextOf(events);
  assert.equal(type, 'following');
  return { events, cursor };
}

const problemOf = async (response: Response): Promise<[number, string]> => {
  const { code } = (await response.json()) as { code: string };
  return [response.status, code];
};

test(
  'what happens to jobs is told from now on, with progress, and of a bug nothing',
  { timeout: 20_000 },
  async () => {
    const { events } = await begin('work');
    const id = await add('work', { how: 'steps', fails: 1 });
    const told = await readUntil(events, 'done');
    assert.deepEqual(
      told.map(({ type, attempts }) => `${type} x${String(attempts)}`),
      [
        ...['added x0', 'begun x1', 'progress x1', 'progress x1', 'progress x1', 'again x1'],
        ...['begun x2', 'progress x2', 'progress x2', 'progress x2', 'done x2'],
      ],
    );
    assert.ok(told.every((one) => one.id === id && /^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(one.at)));
    assert.deepEqual(told[2]?.progress, { step: 1 });
    assert.equal(told[5]?.reason, 'Something went wrong on our side');
    await events.return(undefined);
  },
);

test(
  'each event has its cursor as its id, and who comes back goes on behind the last one',
  { timeout: 20_000 },
  async () => {
    const { events, cursor } = await begin('paced');
    await events.return(undefined);
    const later = { delayMs: 3_600_000 };
    const ids = [await add('paced', {}, later), await add('paced', {}, later)];
    const brief = { 'request-timeout': '0.3' };
    const text = await (await followBehind('paced', cursor, brief)).text();
    const blocks = text.split('\n\n').slice(0, 2);
    const told = blocks.map((block) => JSON.parse(/^data: (.*)$/m.exec(block)?.[1] ?? '') as Told);
    assert.deepEqual(
      told.map((one) => one.id),
      ids,
    );
    assert.deepEqual(
      blocks.map((block) => /^id: (.*)$/m.exec(block)?.[1]),
      told.map((one) => one.cursor),
    );
    assert.match(text, /event: problem\ndata: .*"CALL_TIMED_OUT"/);
    const last = await nextOf(sseEvents(await followBehind('paced', told[0]?.cursor ?? '')));
    assert.deepEqual(last, told[1]);
    const asked = await follow('paced', {}, `?after=${told[0]?.cursor ?? ''}`);
    assert.deepEqual(await nextOf(sseEvents(asked)), told[1]);
  },
);

test('who comes back when nothing has happened is connected at once', { timeout: 10_000 }, async () => {
  const { events, cursor } = await begin('hardy');
  await events.return(undefined);
  const response = await followBehind('hardy', cursor);
  assert.deepEqual(
    [response.status, response.headers.get('content-type')],
    [200, 'text/event-stream; charset=utf-8'],
  );
  await response.body?.cancel();
});

test('a gap is an answer of its own, and in the middle a problem', { timeout: 20_000 }, async (context) => {
  setBound(context, 'jobEvents', 2);
  const { cursor } = await begin('hardy');
  for (let count = 0; count < 3; count += 1) await add('hardy', {}, { delayMs: 3_600_000 });
  assert.deepEqual(await problemOf(await followBehind('hardy', cursor)), [410, 'EVENTS_LOST']);
  const { events } = await begin('hardy');
  const waits = events.next();
  // More in one change than are kept.
  await app.call('office.drain', { queue: 'hardy' });
  const next = await waits;
  assert.ok(next.done !== true);
  assert.deepEqual(
    [next.value.event, (next.value.data as { code: string }).code],
    ['problem', 'EVENTS_LOST'],
  );
});

test('who may not ask may not follow, and what cannot be meant is refused', async () => {
  assert.equal((await follow('work', { authorization: 'stranger' })).status, 401);
  assert.equal((await follow('slow')).status, 404);
  assert.deepEqual(await problemOf(await followBehind('work', 'none')), [400, 'INVALID_INPUT']);
  assert.deepEqual(await problemOf(await follow('work', {}, '?since=1')), [400, 'INVALID_INPUT']);
});

test('a job whose name is that of the events is cancelled as any other', async () => {
  await add('paced', {}, { jobId: 'events', delayMs: 3_600_000 });
  const response = await fetch(`${app.gatewayUrl()}/jobs/paced/events`, { method: 'DELETE' });
  assert.equal(((await response.json()) as { state: string }).state, 'cancelled');
});

test('more queues than may be followed are refused as an answer', async (context) => {
  setBound(context, 'followedQueues', 0);
  const fresh = await startTestApp(new URL('../../fixtures/jobs/tutti.ts', import.meta.url), {
    env: { HEARD: join(folder, 'other'), PORT: '0' },
  });
  context.after(() => fresh.close());
  assert.deepEqual(await problemOf(await fetch(`${fresh.gatewayUrl()}/jobs/work/events`)), [
    503,
    'OVERLOADED',
  ]);
});

test('nothing is asked while the reader takes nothing, and the owner hears that he is gone', async () => {
  const asked: (AbortSignal | undefined)[] = [];
  const cursor = '0123456789abcdef-0';

  const wait: StoreClient['wait'] = (_ask, withinMs = 0, signal) => {
    asked.push(signal);
    if (asked.length === 1) {
      assert.equal(withinMs, bounds.storeMs);
      return Promise.resolve([{ type: 'following', cursor, at: 1 }]);
    }
    return new Promise((_resolve, reject) => {
      signal?.addEventListener('abort', () => {
        reject(new Error('gone'));
      });
    });
  };
  const gone = new AbortController();
  const about = { clock: fakeClock(), queue: 'work', after: undefined, deadlineMs: undefined };
  const store = { wait } as unknown as StoreClient;
  const items = (await followEvents({ ...about, store, gone: gone.signal }))[Symbol.asyncIterator]();
  await items.next();
  await aTurn();
  assert.equal(asked.length, 1);
  const next = items.next();
  await aTurn();
  assert.equal(asked.length, 2);
  gone.abort();
  await assert.rejects(next, /gone/);
});
