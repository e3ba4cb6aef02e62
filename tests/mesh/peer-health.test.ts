/** What a caller remembers of the answers of one instance. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compareInstances } from '../../src/core/outliers.ts';
import { PeerHealth } from '../../src/mesh/peer-health.ts';

function healthOf(...tookMs: number[]): PeerHealth {
  const health = new PeerHealth();
  for (const ms of tookMs) health.answered('get', { now: 0, tookMs: ms, isFault: false });
  return health;
}
const times = (count: number, ms: number): number[] => Array<number>(count).fill(ms);

test('who has just begun is not called slow: of fewer than ten answers its latency is not known', () => {
  const warm = healthOf(...times(20, 1));
  const cold = healthOf(100, ...times(8, 1));
  assert.equal(cold.latencyMs, undefined);
  assert.deepEqual(
    compareInstances([warm, cold]).map(({ slowness }) => slowness),
    [1, 1],
  );
});

test('then it is their mean, and from there on the latest counts for a tenth', () => {
  assert.equal(healthOf(100, ...times(9, 0)).latencyMs, 10);
  assert.equal(healthOf(...times(9, 0), 100).latencyMs, 10);
  assert.equal(healthOf(100, ...times(9, 0), 110).latencyMs, 20);
});

test('an instance that goes on being slow is an outlier from the tenth answer on', () => {
  const [, slow] = compareInstances([healthOf(...times(20, 2)), healthOf(...times(10, 20))]);
  assert.deepEqual(slow, { isOutlier: true, slowness: 10 });
});
