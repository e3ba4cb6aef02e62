/** What is recorded of a queue that somebody follows, from when until when, and what those hear who ask. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bounds } from '../../../src/core/bounds.ts';
import type { JobEventRecord } from '../../../src/core/job-events.ts';
import { JobFollows } from '../../../src/services/store/job-follows.ts';
import { jobsArea } from '../../../src/stores/job-queue/jobs-area.ts';
import type { Store } from '../../../src/stores/sqlite/store.ts';
import { setBound, StoreFolder, turns } from '../../stores/store-folder.ts';

class World implements AsyncDisposable {
  readonly folder = new StoreFolder();
  readonly store: Store = this.folder.open([jobsArea]);
  readonly follows = new JobFollows(this.store, this.folder.clock);

  async add(queue = 'work', count = 1): Promise<void> {
    const jobs = Array.from({ length: count }, () => ({ id: null, priority: 5, body: '{}' }));
    await this.store.mutate({ area: 'jobs', name: 'add', input: { queue, jobs } });
  }

  async begin(queue = 'work'): Promise<string> {
    const [first] = await this.ask(queue);
    assert.equal(first?.type, 'following');
    return first.cursor;
  }

  ask(
    queue: string,
    after?: string,
    { withinMs = 1_000, signal = new AbortController().signal } = {},
  ): Promise<readonly JobEventRecord[]> {
    return this.follows.events({ queue, after }, { withinMs, signal });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.follows.stop();
    await this.store.close();
    this.folder[Symbol.dispose]();
  }
}

const idsOf = (events: readonly JobEventRecord[]): string[] =>
  events.map((event) => ('id' in event ? event.id : event.type));

test('nothing is recorded of a queue that nobody follows', async () => {
  await using world = new World();
  await world.add();
  const cursor = await world.begin();
  await world.add('other');
  assert.deepEqual([...world.follows.sizes()], [['work', 0]]);
  await world.add();
  assert.deepEqual([...world.follows.sizes()], [['work', 1]]);
  assert.deepEqual(idsOf(await world.ask('work', cursor)), ['3']);
});

test('a question is answered when something happens, and with nothing when its time is over', async () => {
  await using world = new World();
  const cursor = await world.begin();
  const asked = [world.ask('work', cursor), world.ask('work', cursor)];
  await turns(2);
  await world.add();
  const [first, second] = await Promise.all(asked);
  assert.deepEqual([idsOf(first ?? []), second], [['1'], first]);
  const late = world.ask('work', first?.[0]?.cursor);
  await turns(2);
  world.folder.clock.advance(1_000);
  assert.deepEqual(await late, []);
});

test('a page is what a change of the store is, and the next one goes on behind it', async () => {
  await using world = new World();
  let cursor = await world.begin();
  await world.add('work', bounds.jobPage + 2);
  const pages: string[][] = [];
  for (let page = await world.ask('work', cursor); page.length > 0; page = await world.ask('work', cursor)) {
    pages.push(idsOf(page));
    cursor = page.at(-1)?.cursor ?? '';
    if (pages.length === 2) break;
  }
  assert.deepEqual(
    pages.map(({ length }) => length),
    [bounds.jobPage, 2],
  );
  assert.equal(new Set(pages.flat()).size, bounds.jobPage + 2);
});

test('a slow reader finds that there is a gap, and costs no more than the ring', async (context) => {
  setBound(context, 'jobEvents', 3);
  await using world = new World();
  const cursor = await world.begin();
  await world.add('work', 4);
  assert.equal(world.follows.sizes().get('work'), 3);
  await assert.rejects(world.ask('work', cursor), { code: 'EVENTS_LOST' });
});

test('recording ends some minutes after the last question, and what was told then is told as a gap', async () => {
  await using world = new World();
  const cursor = await world.begin();
  world.folder.clock.advance(bounds.jobFollowMs - 1);
  const asked = world.ask('work', cursor);
  await turns(2);
  world.folder.clock.advance(1_000);
  assert.deepEqual(await asked, []);
  world.folder.clock.advance(bounds.jobFollowMs - 1);
  assert.ok(world.follows.wants('work'));
  world.folder.clock.advance(1);
  assert.ok(!world.follows.wants('work'));
  await assert.rejects(world.ask('work', cursor), { code: 'EVENTS_LOST' });
  await world.add();
  const anew = await world.begin();
  await assert.rejects(world.ask('work', cursor), { code: 'EVENTS_LOST' });
  await world.add();
  assert.deepEqual(idsOf(await world.ask('work', anew)), ['2']);
});

test('more queues than may are not followed, and each that is left makes room', async (context) => {
  setBound(context, 'followedQueues', 2);
  await using world = new World();
  await world.begin('a');
  await world.begin('b');
  await world.begin('a');
  await assert.rejects(world.begin('c'), {
    code: 'OVERLOADED',
    message: 'The store, where 2 queues are followed, has more work than it can take',
  });
  world.folder.clock.advance(bounds.jobFollowMs);
  await world.begin('c');
});

test('those who wait are bounded, who leaves makes room, and an owner that stops answers all', async (context) => {
  setBound(context, 'jobWaiters', 1);
  await using world = new World();
  const cursor = await world.begin();
  const left = new AbortController();
  const first = world.ask('work', cursor, { signal: left.signal });
  await assert.rejects(world.ask('work', cursor), { code: 'OVERLOADED' });
  left.abort();
  assert.deepEqual(await first, []);
  const last = world.ask('work', cursor);
  await turns(2);
  world.follows.stop();
  assert.deepEqual(await last, []);
});
