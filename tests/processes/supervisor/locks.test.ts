import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newSlot } from '../../../src/core/instance-state.ts';
import type { SupervisorMessage } from '../../../src/mesh/control-protocol.ts';
import { Locks } from '../../../src/processes/supervisor/locks.ts';
import { fakeClock } from '../../../src/testing/index.ts';

function makeLocks(nextFence: () => number, remember: () => Promise<unknown> = () => Promise.resolve()) {
  const sent: SupervisorMessage[] = [];
  const quiet = (): void => undefined;
  const locks = new Locks({
    clock: fakeClock(),
    log: { debug: quiet, info: quiet, warn: quiet, error: quiet },
    nextFence,
    slot: () => ({ ...newSlot('users', 1), epoch: 1 }),
    send: (_id, message) => sent.push(message) > 0,
    remember,
  });
  const ask = (): void => {
    locks.hear('users#1', { op: 'lock', id: 1, name: 'reports.nightly', ttlMs: 1_000, waits: true });
  };
  return { locks, sent, ask };
}

test('where the disk takes no number who asks hears so at once', () => {
  const { sent, ask, locks } = makeLocks(() => {
    throw new Error('ENOSPC');
  });
  ask();
  assert.deepEqual(sent, [{ op: 'refused', id: 1, problem: 'full', holder: '' }]);
  locks.close();
});

test('a lease is told once it is remembered, and not to the process that comes after its holder', async () => {
  for (const dies of [false, true]) {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    const { sent, ask, locks } = makeLocks(
      () => 1,
      () => promise,
    );
    ask();
    if (dies) locks.gone('users#1@1');
    assert.deepEqual(sent, []);
    resolve(undefined);
    await new Promise(setImmediate);
    assert.equal(sent.length, dies ? 0 : 1);
    locks.close();
  }
});
