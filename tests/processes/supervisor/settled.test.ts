import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { InstanceState } from '../../../src/core/instance-state.ts';
import type { InstanceStatus, ServiceStatus } from '../../../src/core/status.ts';
import { isSettled } from '../../../src/processes/supervisor/settled.ts';

function service(name: string, wanted: number, [state, reason]: [InstanceState, string]): ServiceStatus {
  const instances = [{ state, reason }] as unknown as InstanceStatus[];
  return { name, wanted, ready: state === 'ready' ? 1 : 0, instances } as unknown as ServiceStatus;
}

const byHand: [InstanceState, string] = ['stopped', 'stopped by hand'];

test('a start is over though one waits for a service that is stopped by hand, or for one that waits so', () => {
  const porter = service('porter', 1, ['pending', 'waits for greeter']);
  const carrier = service('carrier', 1, ['pending', 'waits for porter']);
  assert.equal(isSettled({ services: [carrier, porter, service('greeter', 0, byHand)] }), true);
  assert.equal(isSettled({ services: [carrier, porter, service('greeter', 1, ['starting', ''])] }), false);
});

test('it is not over while another one starts', () => {
  const services = [
    service('greeter', 0, byHand),
    service('porter', 1, ['pending', 'waits for greeter']),
    service('users', 1, ['pending', 'asked to start']),
  ];
  assert.equal(isSettled({ services }), false);
});
