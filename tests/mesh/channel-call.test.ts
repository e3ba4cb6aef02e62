/** A channel beside its connections: what it does while it is opened again. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TuttiError } from '../../src/core/errors.ts';
import { ChannelCall } from '../../src/mesh/channel-call.ts';
import type { Stream } from '../../src/mesh/stream-call.ts';
import { fakeClock } from '../../src/testing/fake-clock.ts';
import { turns } from '../stores/store-folder.ts';

test('one that is closed during a try waits for no other one', async () => {
  const clock = fakeClock();
  const lost = new TuttiError('INSTANCE_LOST', { instance: 'users#1@1', executed: 'unknown' });
  const tries = [Promise.withResolvers<undefined>(), Promise.withResolvers<undefined>()];
  const result = Promise.withResolvers<unknown>();
  let opened = 0;
  const stream = (): Stream => {
    const { promise } = tries[opened] ?? Promise.withResolvers<undefined>();
    opened += 1;
    const items = { next: () => result.promise };
    return {
      ...{ begun: promise, result: result.promise, cancel: () => undefined },
      [Symbol.asyncIterator]: () => items,
    } as unknown as Stream;
  };
  const channel = new ChannelCall({
    ...{ clock, random: () => 0.5, label: 'users.stuck', input: {}, signal: undefined },
    ...{ stream, reconnect: { forMs: 60_000, input: () => ({}) }, over: () => undefined },
  });
  tries[0]?.resolve(undefined);
  await channel.opened();
  result.reject(lost);
  await turns(1);
  clock.advance(0);
  await turns(1);
  assert.equal(opened, 2, 'it is opened again');
  let isClosed = false;
  const closed = channel.close().then(
    () => (isClosed = true),
    () => (isClosed = true),
  );
  tries[1]?.reject(new TuttiError('NO_INSTANCE', { service: 'users' }));
  await turns(2);
  assert.ok(isClosed, 'at once, on a clock that stands');
  await closed;
  assert.deepEqual([opened, clock.pending], [2, 0]);
});
