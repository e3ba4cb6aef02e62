import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newSlot } from '../../src/core/instance-state.ts';
import type { InstanceState, SlotState } from '../../src/core/instance-state.ts';
import { decideStarts } from '../../src/core/start-order.ts';

const slot = (service: string, number: number, state: InstanceState): SlotState => ({
  ...newSlot(service, number),
  state,
});
const needs = (service: string): readonly string[] => (service === 'orders' ? ['users', 'mail'] : []);
const decided = (slots: SlotState[], mostStarting = 10): string[] =>
  decideStarts(slots, { needs, mostStarting }).map(({ id, event }) =>
    event.type === 'go' ? `${id} go` : `${id} ${event.reason}`,
  );

test('the first unmet need is named, and one ready instance meets it', () => {
  const orders = slot('orders', 1, 'pending');
  assert.deepEqual(decided([orders, slot('users', 1, 'unready')]), ['orders#1 waits for users']);
  const users = [slot('users', 1, 'backoff'), slot('users', 2, 'ready')];
  assert.deepEqual(decided([orders, ...users]), ['orders#1 waits for mail']);
  assert.deepEqual(decided([orders, ...users, slot('mail', 1, 'ready')]), ['orders#1 go']);
});

test('only so many start at a time, counting those that are at it', () => {
  const slots = [1, 2, 3].map((number) => slot('users', number, 'pending'));
  assert.deepEqual(decided([...slots, slot('users', 4, 'starting')], 2), [
    'users#1 go',
    'users#2 waits for others to start first',
    'users#3 waits for others to start first',
  ]);
});

test('who waits for a need takes nobody’s turn', () => {
  assert.deepEqual(decided([slot('orders', 1, 'pending'), slot('users', 1, 'pending')], 1), [
    'orders#1 waits for users',
    'users#1 go',
  ]);
});

test('only pending slots are decided on', () => {
  const states: InstanceState[] = [
    'starting',
    'ready',
    'unready',
    'draining',
    'stopping',
    'backoff',
    'failed',
    'stopped',
  ];
  assert.deepEqual(decided(states.map((state, index) => slot('users', index + 1, state))), []);
});
