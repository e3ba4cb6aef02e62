import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { test } from 'node:test';
import { z } from 'zod';
import { defineService } from '../../src/define/service.ts';
import { HostWorld } from './host-world.ts';

const Made = z.object({ id: z.int() });

const shop = defineService({
  name: 'shop',
  emits: { 'thing.made': Made },
  actions: (action) => ({
    emit: action({
      input: z.object({ event: z.string(), payload: z.unknown() }),
      run: ({ input, emit }) =>
        (emit as (event: string, payload: unknown) => Promise<unknown>)(input.event, input.payload),
    }),
  }),
});

/** Two instances of it tell here what they got. */
function listener(): { service: ReturnType<typeof defineService>; got: EventEmitter } {
  const got = new EventEmitter();
  const service = defineService({
    name: 'mail',
    actions: () => ({}),
    events: (on) => ({
      'thing.made': on(Made, ({ event }) => got.emit('balanced', event)),
      'thing.lost': on.broadcast(Made, ({ event }) => got.emit('broadcast', event)),
    }),
  });
  return { service, got };
}

test('what is emitted is held against its schema, and what it does not declare does not leave', async () => {
  await using world = new HostWorld();
  const { service, got } = listener();
  await world.host(service);
  await world.host(shop);
  const emit = (event: string, payload: unknown): Promise<unknown> =>
    world.caller().call('shop', 'emit', { event, payload });
  const arrived = once(got, 'balanced');
  assert.deepEqual(await emit('thing.made', { id: 1, password: 'x' }), { delivered: 1, kept: 0 });
  assert.deepEqual(await arrived, [{ id: 1 }]);
  await assert.rejects(emit('thing.made', { id: 'x' }), {
    code: 'INVALID_INPUT',
    message: 'The payload of thing.made does not fit its schema',
  });
  await assert.rejects(emit('thing.mad', {}), {
    code: 'INVALID_INPUT',
    message: /not among the declared `emits`; did you mean "thing.made"\?/,
  });
  for (const event of ['', '__proto__', 'a b', '\u001b[2J', 'x'.repeat(10_000)])
    await assert.rejects(emit(event, {}), { code: 'INVALID_INPUT' });
});

test('of two instances one gets a balanced event and both a broadcast one', async () => {
  await using world = new HostWorld();
  const { service, got } = listener();
  await world.host(service);
  await world.host(service, { slot: 2 });
  const caller = world.caller();
  const balanced = once(got, 'balanced');
  assert.deepEqual(await caller.emit('thing.made', { id: 1 }), { delivered: 1, kept: 0 });
  await balanced;
  let count = 0;
  const both = new Promise<void>((resolve) => {
    got.on('broadcast', () => {
      count += 1;
      if (count === 2) resolve();
    });
  });
  assert.deepEqual(await caller.emit('thing.lost', { id: 2 }), { delivered: 2, kept: 0 });
  await both;
});

test('a payload that does not fit its subscriber is told in the log and reaches no handler', async () => {
  await using world = new HostWorld();
  const { service, got } = listener();
  await world.host(service);
  got.on('balanced', (event) => {
    assert.deepEqual(event, { id: 2 });
  });
  const caller = world.caller();
  await caller.emit('thing.made', { id: 'x' });
  const arrived = once(got, 'balanced');
  await caller.emit('thing.made', { id: 2 });
  await arrived;
  const failed = world.said.find(({ sentence }) => sentence === 'A handler failed');
  assert.equal(failed?.fields['what'], 'event thing.made');
});
