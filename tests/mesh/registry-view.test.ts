import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RegistryView } from '../../src/mesh/registry-view.ts';
import type { RegistryService } from '../../src/mesh/registry-view.ts';

const entry = (epoch: number, events: RegistryService['events'] = {}): RegistryService => ({
  instances: [{ service: 'users', slot: 1, epoch, address: `a${String(epoch)}` }],
  events,
});

test('a snapshot replaces the view, an older one is ignored', () => {
  const view = new RegistryView();
  view.replace({ revision: 5, services: { users: entry(2) } });
  view.replace({ revision: 4, services: {} });
  assert.equal(view.revision, 5);
  assert.equal(view.service('users')?.instances[0]?.epoch, 2);
  assert.deepEqual(
    [...view.services()].map(([name]) => name),
    ['users'],
  );
});

test('a delta is applied when it follows, stale when it does not lead on, a gap when something is missing', () => {
  const view = new RegistryView();
  view.replace({ revision: 5, services: { users: entry(2) } });
  assert.equal(view.apply({ previous: 4, revision: 5, service: 'users', entry: null }), 'stale');
  assert.equal(view.apply({ previous: 6, revision: 7, service: 'users', entry: null }), 'gap');
  assert.equal(view.service('users')?.instances.length, 1);
  assert.equal(view.apply({ previous: 5, revision: 6, service: 'users', entry: entry(3) }), 'applied');
  assert.equal(view.apply({ previous: 6, revision: 2 ** 32, service: 'users', entry: null }), 'applied');
  assert.equal(view.service('users'), undefined);
});

test('the newest epoch of a slot is remembered when the instance has left', () => {
  const view = new RegistryView();
  view.replace({ revision: 1, services: { users: entry(3) } });
  view.replace({ revision: 2, services: {} });
  assert.equal(view.newestEpoch('users', 1), 3);
  assert.equal(view.newestEpoch('users', 2), 0);
});

test('subscribers are found by event, with how they want it', () => {
  const view = new RegistryView();
  view.replace({
    revision: 1,
    services: {
      users: entry(1, { 'user.created': 'broadcast' }),
      mail: entry(1, { 'user.created': 'balanced' }),
    },
  });
  const found = view.subscribersOf('user.created').map(({ service, delivery }) => [service, delivery]);
  assert.deepEqual(found, [
    ['users', 'broadcast'],
    ['mail', 'balanced'],
  ]);
  assert.deepEqual(view.subscribersOf('toString'), []);
});

test('listeners hear of every change until they are taken away', () => {
  const view = new RegistryView();
  let changes = 0;
  const stop = view.onChange(() => (changes += 1));
  view.replace({ revision: 1, services: {} });
  view.apply({ previous: 1, revision: 2, service: 'users', entry: entry(1) });
  view.apply({ previous: 1, revision: 2, service: 'users', entry: entry(1) });
  stop();
  view.replace({ revision: 3, services: {} });
  assert.equal(changes, 2);
});
