/** Who may have another process ended by what it says on the control socket. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newSlot } from '../../../src/core/instance-state.ts';
import type { SlotEvent, SlotState } from '../../../src/core/instance-state.ts';
import { readInstanceMessage } from '../../../src/mesh/control-protocol.ts';
import { CallWatch } from '../../../src/processes/supervisor/call-watch.ts';
import { InstanceDesk } from '../../../src/processes/supervisor/instance-desk.ts';
import type { InstanceDeskNeeds } from '../../../src/processes/supervisor/instance-desk.ts';
import type { AppPlan } from '../../../src/processes/supervisor/plan.ts';
import { fakeClock } from '../../../src/testing/fake-clock.ts';

const slots: readonly SlotState[] = ['store:main', 'worker', 'users'].map((service) => ({
  ...{ ...newSlot(service, 1), epoch: 2, pid: 1_000, spawnedAt: 0 },
  state: 'ready',
}));

test('only the owner of the store has a process ended for a job that it does not end: of an isolated service, and the process that is there now', () => {
  const ended: unknown[] = [];
  const calls = new CallWatch({
    clock: fakeClock(),
    slots: () => slots,
    plan: () =>
      ({
        services: new Map(),
        manifest: { services: { worker: { isolate: { graceMs: 300 } }, users: {} } },
      }) as unknown as AppPlan,
    record: () => undefined,
    dispatch: (id: string, event: SlotEvent) => ended.push([id, event]),
    recycle: () => undefined,
  });
  const get = (id: string): SlotState | undefined => slots.find(({ service }) => `${service}#1` === id);
  const desk = new InstanceDesk({ slots: { get }, calls } as unknown as InstanceDeskNeeds);
  const say = (from: string, service = 'worker', epoch = 2): void => {
    const job = { queue: 'work', number: 17 };
    const message = readInstanceMessage({ op: 'unheard', instance: { service, slot: 1, epoch }, job });
    assert.ok(message !== undefined && message.op !== 'hello');
    desk.onMessage(from, message);
  };
  say('users#1');
  say('worker#1');
  say('store:main#1', 'users');
  say('store:main#1', 'nobody');
  say('store:main#1', 'worker', 1);
  assert.deepEqual(ended, []);
  say('store:main#1');
  const reason = 'job 17 of work ran on for 300 ms after it was cancelled';
  const evidence = { verdict: 'job-cancelled', queue: 'work', number: 17, graceMs: 300 };
  assert.deepEqual(ended, [['worker#1', { type: 'kill', reason, evidence, then: 'restart' }]]);
  calls.close();
});

test('what is said of such a process is checked field by field', () => {
  const instance = { service: 'worker', slot: 1, epoch: 2 };
  const job = { queue: 'work', number: 17 };
  for (const wrong of [
    {},
    { instance },
    { instance, job: { queue: 'work' } },
    { instance, job: { queue: 1, number: 17 } },
    { instance: { ...instance, epoch: '2' }, job },
    { instance: { ...instance, service: 'x'.repeat(200) }, job },
    { instance: 'worker#1@2', job },
  ])
    assert.equal(readInstanceMessage({ op: 'unheard', ...wrong }), undefined, JSON.stringify(wrong));
});
