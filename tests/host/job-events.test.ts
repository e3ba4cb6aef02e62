/** How a queue is followed, with a store that answers as it is told: one question at a time, and none that nobody waits for. */
import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { test } from 'node:test';
import { TuttiError } from '../../src/core/errors.ts';
import type { JobEventRecord } from '../../src/core/job-events.ts';
import { defineQueue } from '../../src/define/queue.ts';
import type { JobEvent, Jobs } from '../../src/define/jobs.ts';
import { trusted } from '../../src/define/schema.ts';
import { makeJobs } from '../../src/host/jobs.ts';
import type { StoreClient } from '../../src/mesh/store-client.ts';
import { fakeClock } from '../../src/testing/fake-clock.ts';
import { turns } from '../stores/store-folder.ts';

const queue = defineQueue('work', { input: trusted<unknown>() });
const cursorOf = (number: number): string => `0123456789abcdef-${String(number)}`;
const added = (number: number): Extract<JobEventRecord, { readonly id: string }> => {
  return { cursor: cursorOf(number), type: 'added', id: String(number), at: 1_000, attempts: 0 };
};

interface Question {
  readonly after: string | undefined;
  readonly signal: AbortSignal;
  readonly answer: (events: readonly JobEventRecord[]) => void;
  readonly refuse: (error: Error) => void;
}

/** A store whose questions the test answers. */
function world(): { readonly jobs: Jobs; readonly asked: Question[] } {
  const asked: Question[] = [];

  const wait: StoreClient['wait'] = ({ name, input }, _withinMs, signal) => {
    assert.equal(name, 'events');
    assert.ok(signal);
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const { after } = input as { readonly after?: string };
    asked.push({ after, signal, answer: resolve, refuse: reject });
    return promise;
  };
  return { jobs: makeJobs({ wait } as unknown as StoreClient, fakeClock()), asked };
}

const valueOf = async (next: Promise<IteratorResult<JobEvent, undefined>>): Promise<JobEvent> => {
  const { value } = await next;
  return value ?? assert.fail('it has ended');
};

test('nothing is asked before somebody wants an event, and the next page when the last is taken', async () => {
  const { jobs, asked } = world();
  const events = jobs.events(queue);
  await turns(2);
  assert.equal(asked.length, 0);
  const first = events.next();
  asked[0]?.answer([{ cursor: cursorOf(0), type: 'following', at: 1_000 }]);
  assert.deepEqual(await valueOf(first), { cursor: cursorOf(0), type: 'following', at: new Date(1_000) });
  await turns(2);
  assert.equal(asked.length, 1);
  const second = events.next();
  assert.equal(asked[1]?.after, cursorOf(0));
  asked[1].answer([]);
  await turns(2);
  assert.equal(asked[2]?.after, cursorOf(0), 'that nothing came is no event');
  asked[2].answer([added(1), { ...added(2), type: 'progress', progress: '{"percent":40}' }]);
  assert.deepEqual(await valueOf(second), {
    ...{ cursor: cursorOf(1), type: 'added', id: '1', at: new Date(1_000), attempts: 0 },
    ...{ reason: undefined, progress: undefined },
  });
  const third = await valueOf(events.next());
  assert.deepEqual('progress' in third && third.progress, { percent: 40 });
  assert.equal(asked.length, 3, 'what came with the last answer is not asked for');
});

test('who goes on behind a cursor asks for what came after it, and a gap ends it with its error', async () => {
  const { jobs, asked } = world();
  const events = jobs.events(queue, { after: cursorOf(7) });
  const next = events.next();
  assert.equal(asked[0]?.after, cursorOf(7));
  asked[0].refuse(new TuttiError('EVENTS_LOST', { queue: 'work' }));
  await assert.rejects(next, { code: 'EVENTS_LOST' });
  assert.deepEqual(await events.next(), { done: true, value: undefined });
});

test('what is no cursor is refused at once', () => {
  const { jobs } = world();
  for (const after of ['', '7', 7 as unknown as string])
    assert.throws(() => jobs.events(queue, { after }), {
      code: 'INVALID_INPUT',
      message: /after is the cursor of an event, not/,
    });
});

test('whoever leaves ends the open question at once, and hears of nothing more', async () => {
  const { jobs, asked } = world();
  const events = jobs.events(queue, { after: cursorOf(0) });
  const next = events.next();
  await events.return?.();
  assert.equal(asked[0]?.signal.aborted, true);
  assert.deepEqual(await next, { done: true, value: undefined });
  assert.deepEqual(await events.next(), { done: true, value: undefined });
  assert.equal(asked.length, 1);
});

test('a loop that is left hears of nothing more of its page', async () => {
  const { jobs, asked } = world();
  const events = jobs.events(queue, { after: cursorOf(0) });
  const loop = (async () => {
    for await (const { cursor } of events) return cursor;
    return 'the end';
  })();
  asked[0]?.answer([added(1), added(2)]);
  assert.equal(await loop, cursorOf(1));
  assert.deepEqual(await events.next(), { done: true, value: undefined });
  assert.equal(asked.length, 1);
});

test('a signal ends it at once, between events too, and nothing is left on it', async () => {
  const { jobs, asked } = world();
  const abort = new AbortController();
  const reason = new Error('enough');
  const events = jobs.events(queue, { after: cursorOf(0), signal: abort.signal });
  const first = events.next();
  asked[0]?.answer([added(1), added(2)]);
  await first;
  const other = jobs.events(queue, { after: cursorOf(0), signal: abort.signal });
  const waiting = other.next();
  waiting.catch(() => undefined);
  abort.abort(reason);
  await assert.rejects(waiting, reason);
  assert.equal(asked[1]?.signal.aborted, true);
  await assert.rejects(events.next(), reason);
  assert.equal(getEventListeners(abort.signal, 'abort').length, 0);
});
