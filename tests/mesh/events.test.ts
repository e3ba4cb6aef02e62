import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bounds } from '../../src/core/bounds.ts';
import { currentContext } from '../../src/mesh/context.ts';
import { drivers, gate, MeshWorld, until } from './mesh-world.ts';

for (const [driver, open] of Object.entries(drivers)) {
  test(`${driver}: one instance of a balanced subscriber hears an event, every instance of a broadcast one`, async () => {
    await using world = new MeshWorld(open());
    const heard: string[] = [];
    const events = (name: string) => ({
      'user.created': (payload: unknown) => heard.push(`${name} ${String(payload)}`),
    });
    await world.serve({ service: 'mail', slot: 1, events: events('mail') });
    await world.serve({ service: 'mail', slot: 2, events: events('mail') });
    await world.serve({ service: 'cache', slot: 1, events: events('cache#1'), delivery: 'broadcast' });
    await world.serve({ service: 'cache', slot: 2, events: events('cache#2'), delivery: 'broadcast' });
    await world.serve({ service: 'deaf', actions: {} });
    const caller = world.caller({ mayCall: [] });
    assert.deepEqual(await caller.emit('user.created', 7), { delivered: 3, kept: 0 });
    await until(() => heard.length === 3);
    assert.deepEqual(heard.sort(), ['cache#1 7', 'cache#2 7', 'mail 7']);
    assert.deepEqual(await caller.emit('nobody.cares', 7), { delivered: 0, kept: 0 });
  });

  test(`${driver}: an event knows who emitted it, and has no deadline to be late for`, async () => {
    await using world = new MeshWorld(open());
    const context = new Promise<ReturnType<typeof currentContext>>((resolve) => {
      void world
        .serve({
          service: 'mail',
          events: {
            hello: () => {
              resolve(currentContext());
            },
          },
        })
        .then(() => world.caller().emit('hello', null, { metadata: { tenant: 'a' } }));
    });
    const seen = await context;
    assert.equal(seen?.caller, 'orders#1@1');
    assert.equal(seen.deadline, Infinity);
    assert.deepEqual(seen.metadata, { tenant: 'a' });
  });

  test(`${driver}: a balanced event goes to another when the first is not there, and is not kept when nobody is`, async () => {
    await using world = new MeshWorld(open());
    await world.serve({ service: 'mail', slot: 1, events: { hello: () => undefined } });
    const nowhere = world.address({ service: 'nobody', slot: 2 });
    world.list({ service: 'mail', slot: 2, epoch: 1, address: nowhere }, { hello: 'balanced' });
    const caller = world.caller();
    for (let index = 0; index < 10; index += 1)
      assert.deepEqual(await caller.emit('hello', 1), { delivered: 1, kept: 0 });
    world.unlist({ service: 'mail', slot: 1 });
    assert.deepEqual(await caller.emit('hello', 1), { delivered: 0, kept: 0 });
  });

  test(`${driver}: beyond the bound the newest event is dropped and counted, and a drain waits for the rest`, async () => {
    await using world = new MeshWorld(open());
    const release = gate();
    let handled = 0;
    const responder = await world.serve({
      service: 'mail',
      events: {
        hello: async () => {
          await release.opened;
          handled += 1;
          if (handled === 1) throw new Error('the first fails');
        },
      },
    });
    const caller = world.caller();
    for (let index = 0; index < bounds.eventQueue + 5; index += 1) await caller.emit('hello', index);
    await until(() => responder.stats().events === bounds.eventQueue + 5);
    assert.equal(responder.stats().eventsDropped, 5);
    const drained = responder.drain();
    release.open();
    assert.equal(await drained, true);
    assert.equal(handled, bounds.eventQueue);
    assert.equal(responder.stats().eventErrors, 1);
    assert.ok(world.lines.some(({ sentence }) => sentence === 'An event handler failed'));
  });
}
