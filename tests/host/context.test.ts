/** What a handler knows of its call without being given it, and what it can say of the calls it makes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defineService, remote } from '../../src/define/service.ts';
import { HostWorld } from './host-world.ts';

const inner = defineService({
  name: 'inner',
  actions: (action) => ({
    who: action({
      run: ({ user, tenant, metadata, requestId }) => ({
        user,
        tenant,
        metadata,
        isIn: requestId.length > 0,
      }),
    }),
  }),
});

/** As JavaScript may call it, or TypeScript with a cast. */
const anyOptions = { metadata: { b: '2' }, context: { user: 'root', requestId: 'x' }, user: 'root', slot: 9 };

const outer = defineService({
  name: 'outer',
  needs: { inner: remote<typeof inner>('inner') },
  actions: (action) => ({ ask: action({ run: ({ calls }) => calls.inner.who({}, anyOptions) }) }),
});

test('user, tenant and metadata reach the handlers of nested calls, to which metadata can be added and nothing else', async () => {
  await using world = new HostWorld();
  await world.host(inner);
  await world.host(outer);
  const edge = world.mesh.caller({ service: 'gateway:public', mayCall: ['*'] });
  const context = { user: 'ada', tenant: 'acme', metadata: { a: '1' } };
  const seen = { user: 'ada', tenant: 'acme', metadata: { a: '1', b: '2' }, isIn: true };
  assert.deepEqual(await edge.call('outer', 'ask', {}, { context }), seen);
  assert.deepEqual(await edge.call('outer', 'ask', {}), { metadata: { b: '2' }, isIn: true });
});
