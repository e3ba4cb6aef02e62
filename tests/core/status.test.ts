import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { InstanceState } from '../../src/core/instance-state.ts';
import { retryText, serviceHealth, stateWord } from '../../src/core/status.ts';

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

test('calls that were made once more are worth a note when they are many, and not hardly any of all', () => {
  assert.equal(
    retryText({ calls: 800, retries: 37 }),
    'had to make 37 of its 800 calls of the last minute once more',
  );
  assert.equal(retryText({ calls: 20, retries: 9 }), undefined);
  assert.equal(retryText({ calls: 10_000, retries: 199 }), undefined);
  assert.ok(retryText({ calls: 10_000, retries: 200 }) !== undefined);
});
