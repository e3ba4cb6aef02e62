/** A job that somebody follows at a gateway; an app in one process, with workers that do its jobs. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setImmediate as aTurn } from 'node:timers/promises';
import type { StoreClient } from '../../../src/mesh/store-client.ts';
import { followJob } from '../../../src/services/gateway/job-progress.ts';
import { fakeClock } from '../../../src/testing/fake-clock.ts';
import { startTestApp } from '../../../src/testing/index.ts';
import type { TestApp } from '../../../src/testing/index.ts';
import { sseEvents } from './sse-events.ts';
import type { SseEvent } from './sse-events.ts';

interface ChangedJob {
  readonly state: string;
  readonly attempts: number;
  readonly progress?: { readonly step: number };
  readonly result?: unknown;
  readonly reason?: string;
}

const folder = mkdtempSync(join(tmpdir(), 'tutti-progress-'));
let app: TestApp;

before(async () => {
  const env = { HEARD: join(folder, 'heard'), PORT: '0' };
  app = await startTestApp(new URL('../../fixtures/jobs/tutti.ts', import.meta.url), { env });
});
after(async () => {
  await app.close();
  rmSync(folder, { recursive: true, force: true });
});

const ask = (method: string, path: string, body?: unknown): Promise<Response> =>
  fetch(`${app.gatewayUrl()}${path}`, {
    method,
    ...(body === undefined
      ? {}
      : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
  });

async function add(queue: string, input: object, more: object = {}): Promise<string> {
  const response = await ask('POST', `/jobs/${queue}`, { input: { number: 1, ...input }, ...more });
  return ((await response.json()) as { id: string }).id;
}

const follow = (queue: string, id: string, headers = {}): Promise<Response> =>
  fetch(`${app.gatewayUrl()}/jobs/${queue}/${id}/progress`, { headers });

const jobIn = ({ data }: SseEvent): ChangedJob => data as ChangedJob;

async function untilEvent(
  events: AsyncGenerator<SseEvent, undefined>,
  is: (job: ChangedJob) => boolean,
): Promise<ChangedJob> {
  for (;;) {
    const next = await events.next();
    if (next.done === true) assert.fail('the stream has ended');
    if (is(jobIn(next.value))) return jobIn(next.value);
  }
}

const later = { delayMs: 3_600_000 };

test('a job is followed from where it is, through its steps, to its end', { timeout: 20_000 }, async () => {
  const id = await add('hardy', { how: 'steps', ms: 20_000 }, { delayMs: 300 });
  const response = await follow('hardy', id);
  assert.equal(response.headers.get('content-type'), 'text/event-stream; charset=utf-8');
  const events = sseEvents(response);
  const first = await events.next();
  assert.ok(first.done !== true);
  assert.deepEqual([jobIn(first.value).state, jobIn(first.value).attempts], ['pending', 0]);
  assert.ok(!('input' in jobIn(first.value)), 'what it was given is not told at each change');
  // It stays there until it is cancelled.
  const third = await untilEvent(events, ({ progress }) => progress?.step === 3);
  assert.deepEqual([third.state, third.attempts], ['running', 1]);
  await ask('DELETE', `/jobs/hardy/${id}?reason=enough`);
  const last = await events.next();
  assert.ok(last.done !== true);
  assert.deepEqual([jobIn(last.value).state, jobIn(last.value).reason], ['cancelled', 'enough']);
  assert.deepEqual(await events.next(), { done: false, value: { event: 'end', data: null } });
  assert.equal((await events.next()).done, true);
});

test('the result is told at the end, and at once to who comes later', { timeout: 20_000 }, async () => {
  const id = await add('work', { number: 21 }, { delayMs: 200 });
  const events = sseEvents(await follow('work', id));
  const done = await untilEvent(events, ({ state }) => state === 'done');
  assert.deepEqual(done.result, { number: 42 });
  const late = await (await follow('work', id)).text();
  assert.match(late, /^data: \{[^\n]*"state":"done"[^\n]*\}\n\nevent: end\ndata: null\n\n$/);
});

test('each attempt is told, and of why one failed nothing of a bug', { timeout: 20_000 }, async () => {
  const id = await add('work', { fails: 9 }, { delayMs: 200 });
  const events: SseEvent[] = [];
  for await (const event of sseEvents(await follow('work', id))) events.push(event);
  const jobs = events.slice(0, -1).map(jobIn);
  assert.deepEqual([...new Set(jobs.map(({ attempts }) => attempts))].at(-1), 3);
  const last = jobs.at(-1);
  assert.deepEqual([last?.state, last?.reason], ['failed', 'Something went wrong on our side']);
  assert.doesNotMatch(JSON.stringify(events), /not yet, said/);
});

test('who may not ask may not follow, and a job that is not there is an answer like any other', async () => {
  const id = await add('paced', {}, later);
  assert.equal((await follow('paced', id, { authorization: 'stranger' })).status, 401);
  const missing = await follow('paced', 'none');
  assert.deepEqual(
    [missing.status, missing.headers.get('content-type')],
    [404, 'application/problem+json; charset=utf-8'],
  );
  assert.equal((await follow('slow', id)).status, 404);
});

test('a job that is forgotten meanwhile is told as a problem', { timeout: 20_000 }, async () => {
  const id = await add('paced', {}, later);
  const events = sseEvents(await follow('paced', id));
  await events.next();
  await app.call('office.drain', { queue: 'paced' });
  const next = await events.next();
  assert.ok(next.done !== true && next.value.event === 'problem');
  assert.equal((next.value.data as { code: string }).code, 'NOT_FOUND');
});

test('a reader who names a time is told when it is over', { timeout: 20_000 }, async () => {
  const id = await add('paced', {}, later);
  const events: SseEvent[] = [];
  for await (const event of sseEvents(await follow('paced', id, { 'request-timeout': '0.2' })))
    events.push(event);
  assert.deepEqual(
    events.map(({ event, data }) => [event, (data as { code?: string }).code]),
    [
      ['message', undefined],
      ['problem', 'CALL_TIMED_OUT'],
    ],
  );
});

test('a question for the next change that has little time left is answered before it is over', async () => {
  const id = await add('paced', {}, later);
  const ask = (seen?: string): Promise<unknown> => {
    const input = { queue: 'paced', id, seen, withinMs: 20_000 };
    // A call has 5 seconds unless it says otherwise.
    return app.call('store:main.wait', { name: 'change', input });
  };
  const { mark } = (await ask()) as { mark: string };
  assert.equal(await ask(mark), null);
});

const row = {
  ...{ seq: 1, queue: 'work', id: '1', state: 0, priority: 5, due: 0, attempts: 0, run: 0, added: 0 },
  ...{ started: null, ended: null, body: '{"payload":null,"context":{}}', result: null },
  ...{ reason: null, progress: null },
};

test('nothing is asked while the reader takes nothing, and the owner hears that he is gone', async () => {
  const asked: (AbortSignal | undefined)[] = [];
  const wait: StoreClient['wait'] = (_ask, _withinMs, signal) => {
    asked.push(signal);
    if (asked.length === 1) return Promise.resolve({ job: row, mark: 'a' });
    return new Promise((_resolve, reject) => {
      signal?.addEventListener('abort', () => {
        reject(new Error('gone'));
      });
    });
  };
  const gone = new AbortController();
  const about = { clock: fakeClock(), queue: 'work', id: '1', deadlineMs: undefined };
  const store = { wait } as unknown as StoreClient;
  const items = (await followJob({ ...about, store, gone: gone.signal }))[Symbol.asyncIterator]();
  await items.next();
  await aTurn();
  assert.equal(asked.length, 1);
  const next = items.next();
  await aTurn();
  assert.equal(asked.length, 2);
  gone.abort();
  await assert.rejects(next, /gone/);
});
