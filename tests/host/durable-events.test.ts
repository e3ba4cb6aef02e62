/** The side of durable events that an instance has: who may hand one over, what it answers. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { defineService } from '../../src/define/service.ts';
import type { TuttiError } from '../../src/core/errors.ts';
import { deliveredText, eventAction } from '../../src/mesh/kept-event.ts';
import { HostWorld } from './host-world.ts';

const action = eventAction('thing.made');
const seen: unknown[] = [];
const mail = defineService({
  name: 'mail',
  actions: () => ({}),
  events: (on) => ({
    'thing.made': on.durable(
      {},
      z.object({ id: z.int() }),
      ({ event, attempt, idempotencyKey, user, fail }) => {
        seen.push({ event, attempt, idempotencyKey, user });
        if (event.id === 13) throw new TypeError('a bug');
        if (event.id === 404) fail('NOT_FOUND', { what: 'It' });
      },
    ),
  }),
});

test('the store hands one over with its attempt and its id, and is told how it went', async () => {
  await using world = new HostWorld();
  await world.host(mail);
  const store = world.mesh.caller({ service: 'store:main', mayCall: ['*'] });
  const hand = (payload: unknown): Promise<unknown> => {
    const kept = { payload, context: { user: 'ada' } };
    return store.call('mail', action, { kept, id: 'e1', attempt: 3 }, { deadlineMs: 5_000 });
  };
  assert.equal(await hand({ id: 1, more: 'x' }), null);
  assert.deepEqual(seen, [{ event: { id: 1 }, attempt: 3, idempotencyKey: 'e1', user: 'ada' }]);
  assert.deepEqual(await hand({ id: 404 }), { failed: 'NOT_FOUND: It not found', isUnfit: false });
  assert.deepEqual(await hand({ id: 'x' }), {
    failed: 'INVALID_INPUT: The event thing.made does not fit the schema of its subscriber',
    isUnfit: true,
  });
  const { failed } = (await hand({ id: 13 })) as { failed: string };
  assert.match(failed, /^TypeError: a bug\n +at /);
});

test('nobody else may', async () => {
  await using world = new HostWorld();
  await world.host(mail);
  const before = seen.length;
  await assert.rejects(
    world.caller().call('mail', action, { kept: { payload: { id: 1 }, context: {} }, id: 'e1', attempt: 1 }),
    {
      code: 'FORBIDDEN',
    },
  );
  assert.equal(seen.length, before);
});

test('what was kept and cannot be read is refused, and costs nobody else anything', async () => {
  await using world = new HostWorld();
  await world.host(mail);
  const store = world.mesh.caller({ service: 'store:main', mayCall: ['*'] });
  const hand = (body: string): Promise<unknown> =>
    store.call('mail', action, deliveredText({ id: 'e1', attempt: 1 }, body), { deadlineMs: 5_000 });
  const sound = JSON.stringify({ payload: { id: 2 }, context: {} });
  const all = await Promise.allSettled([sound, '{"payload":{"id":', sound].map(hand));
  assert.deepEqual(
    all.map((one) => (one.status === 'fulfilled' ? one.value : (one.reason as TuttiError).code)),
    [null, 'INVALID_INPUT', null],
  );
  for (const body of ['1', 'null', '{"payload":{"id":"x"}}', '{}'])
    assert.notEqual(await hand(body), null, 'it is told how it failed');
});
