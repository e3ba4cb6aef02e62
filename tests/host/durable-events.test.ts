/** The side of durable events that an instance has: who may hand one over, what it answers. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { defineService } from '../../src/define/service.ts';
import { eventAction } from '../../src/mesh/kept-event.ts';
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
