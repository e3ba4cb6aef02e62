/** For whom a call is made: said by gateways, handed on by everybody, invented by nobody. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bounds } from '../../src/core/bounds.ts';
import { currentContext } from '../../src/mesh/context.ts';
import type { Identity } from '../../src/define/gateway-hooks.ts';
import { drivers, hasCode, MeshWorld, until } from './mesh-world.ts';

const gateway = { service: 'gateway:public', mayCall: ['*'] };
const ada = { user: 'ada', tenant: 'acme' };
const identity = (): Identity => {
  const { user, tenant } = currentContext() ?? {};
  return { user, tenant };
};

for (const [driver, open] of Object.entries(drivers)) {
  test(`${driver}: what a gateway says of a request is known to its calls, to theirs, and to their events`, async () => {
    await using world = new MeshWorld(open());
    const heard: Identity[] = [];
    const relay = world.caller({ service: 'users', mayCall: ['inner'] });
    await world.serve({
      service: 'listener',
      events: {
        'user.seen': () => {
          heard.push(identity());
        },
      },
    });
    await world.serve({ service: 'inner', actions: { who: identity } });
    await world.serve({
      actions: {
        who: async () => {
          await relay.emit('user.seen', {});
          return [identity(), await relay.call('inner', 'who', {})];
        },
      },
    });
    const edge = world.caller(gateway);
    assert.deepEqual(await edge.call('users', 'who', {}, { context: ada }), [ada, ada]);
    await until(() => heard.length === 1);
    assert.deepEqual(heard, [ada]);
    assert.deepEqual(await edge.call('users', 'who', {}), [{}, {}], 'nothing is left of the call before');
  });

  test(`${driver}: N-31 a user that a service names by itself is dropped, counted and told`, async () => {
    await using world = new MeshWorld(open());
    const responder = await world.serve({ actions: { who: identity } });
    assert.deepEqual(await world.caller().call('users', 'who', {}, { context: ada }), {});
    assert.equal(responder.stats().identitiesDropped, 1);
    assert.ok(
      world.lines.some(
        ({ sentence, fields }) => /only a gateway may/.test(sentence) && fields['caller'] === 'orders#1@1',
      ),
    );
  });
}

test('a user too long and metadata with __proto__ end their call, and no connection', async () => {
  await using world = new MeshWorld();
  const responder = await world.serve({ actions: { who: identity } });
  const edge = world.caller(gateway);
  const metadata = JSON.parse('{"__proto__":"x"}') as Record<string, string>;
  for (const options of [
    { context: { user: 'x'.repeat(bounds.identityChars + 1) } },
    { context: { tenant: '' } },
    { metadata },
  ])
    await assert.rejects(edge.call('users', 'who', {}, options), hasCode('INVALID_INPUT'));
  await edge.call('users', 'who', {}, { context: { user: 'x'.repeat(bounds.identityChars) } });
  assert.equal(responder.stats().badFrames, 0);
});
