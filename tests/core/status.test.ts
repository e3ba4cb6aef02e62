import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { InstanceState } from '../../src/core/instance-state.ts';
import { serviceHealth, stateWord } from '../../src/core/status.ts';

const cases: [number, InstanceState[], string][] = [
  [2, ['ready', 'ready'], 'healthy'],
  [1, ['ready', 'draining'], 'healthy'],
  [2, ['ready', 'backoff'], 'degraded'],
  [2, ['starting', 'failed'], 'unhealthy'],
  [1, ['unready'], 'unhealthy'],
  [1, ['draining'], 'unhealthy'],
  [1, ['pending'], 'dead'],
  [2, ['backoff', 'failed'], 'dead'],
  [1, [], 'dead'],
];
for (const [wanted, states, health] of cases) {
  test(`${String(wanted)} wanted and [${states.join(', ')}] is ${health}`, () => {
    assert.equal(serviceHealth(wanted, states), health);
  });
}

test('the shop’s words for states', () => {
  const words: Record<InstanceState, string> = {
    ready: 'running',
    starting: 'unhealthy',
    unready: 'unhealthy',
    draining: 'unhealthy',
    stopping: 'unhealthy',
    pending: 'dead',
    backoff: 'dead',
    failed: 'dead',
    stopped: 'dead',
  };
  for (const [state, word] of Object.entries(words)) assert.equal(stateWord(state as InstanceState), word);
});

test('a service whose loop is slow, or that fails more than one in twenty calls of the last minute, is degraded', () => {
  const well = { loopDelayMs: 200, requests: 100, errors: 5 };
  const of = (strain: typeof well): string => serviceHealth(2, ['ready', 'ready'], [well, strain]);
  assert.equal(of(well), 'healthy');
  assert.equal(of({ ...well, loopDelayMs: 201 }), 'degraded');
  assert.equal(of({ ...well, errors: 6 }), 'degraded');
  assert.equal(of({ ...well, requests: 19, errors: 19 }), 'healthy', 'too few to say');
});
