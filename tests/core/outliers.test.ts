import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compareInstances } from '../../src/core/outliers.ts';

const cases = [
  { what: 'one that is over five times as slow', latencies: [10, 12, 61], bad: [2] },
  { what: 'not one that is five times as slow', latencies: [10, 12, 60], bad: [] },
  { what: 'the slow one of two', latencies: [10, 51], bad: [1] },
  { what: 'nobody for microseconds', latencies: [0.01, 0.02, 4.9], bad: [] },
  { what: 'nobody who has not answered yet', latencies: [10, undefined], bad: [] },
  { what: 'nobody who is alone', latencies: [9_000], bad: [] },
  {
    what: 'nobody when more than half look bad',
    latencies: [1, 1, 100, 100, 100].map((ms) => ms),
    failing: [0, 1, 2],
    bad: [],
  },
  { what: 'who fails', latencies: [10, 10, 10], failing: [1], bad: [1] },
  { what: 'half of them is not yet more than half', latencies: [10, 10], failing: [0], bad: [0] },
  { what: 'nobody when all fail', latencies: [10, 10], failing: [0, 1], bad: [] },
];
for (const { what, latencies, failing = [], bad } of cases)
  test(`an outlier is ${what}`, () => {
    const instances = latencies.map((latencyMs, at) => ({
      latencyMs,
      failures: failing.includes(at) ? 0.3 : 0,
      isOutlier: false,
    }));
    const found = compareInstances(instances).flatMap(({ isOutlier }, at) => (isOutlier ? [at] : []));
    assert.deepEqual(found, bad);
  });

test('how slow each is beside the middle; who has not answered yet, and the quick, are no quicker than that', () => {
  const instances = [10, 30, 5, undefined].map((latencyMs) => ({ latencyMs, failures: 0, isOutlier: false }));
  assert.deepEqual(
    compareInstances(instances).map(({ slowness }) => slowness),
    [1, 3, 1, 1],
  );
});

test('less than twice the middle is chance, and changes nobody’s share', () => {
  const instances = [10, 10, 19, 20].map((latencyMs) => ({ latencyMs, failures: 0, isOutlier: false }));
  assert.deepEqual(
    compareInstances(instances).map(({ slowness }) => slowness),
    [1, 1, 1, 2],
  );
});

test('who is an outlier has to become better than others need to be', () => {
  const among = (latencyMs: number, isOutlier: boolean): boolean | undefined =>
    compareInstances([
      { latencyMs: 10, failures: 0, isOutlier: false },
      { latencyMs: 10, failures: 0, isOutlier: false },
      { latencyMs, failures: 0, isOutlier },
    ])[2]?.isOutlier;
  assert.deepEqual([among(26, false), among(26, true), among(25, true)], [false, true, false]);
});

const failing = (...parts: number[]): number[] =>
  compareInstances(parts.map((failures) => ({ latencyMs: 10, failures, isOutlier: false }))).flatMap(
    ({ isOutlier }, at) => (isOutlier ? [at] : []),
  );

test('who fails does so beside the others: of those that all fail nobody is left out for being first', () => {
  assert.deepEqual(failing(0.3, 0.29, 0, 0), [0]);
  assert.deepEqual(failing(0.35, 0.2, 0.25, 0.3), []);
  assert.deepEqual(failing(0.9, 0.5, 0.6, 0.5), [0]);
  assert.deepEqual(failing(1, 1, 1, 0), []);
});
