import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { afterExit, restartDelayMs, spawnErrorPasses } from '../../src/core/restart-policy.ts';
import type { RestartPolicy } from '../../src/core/restart-policy.ts';

const policy: RestartPolicy = { minUptime: 5_000, startTimeout: 30_000, maxDelay: 30_000 };
const middle = (): number => 0.5;

test('the waits are those of the design: 0, 250 ms, doubling up to 30 s', () => {
  const waits = Array.from({ length: 11 }, (_hole, index) => restartDelayMs(index + 1, middle));
  assert.deepEqual(waits, [0, 250, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
});

test('every wait is within a fifth of what is drawn up, however many failures there were', () => {
  const chance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  fc.assert(
    fc.property(
      fc.integer({ min: 2, max: 100_000 }),
      chance,
      fc.integer({ min: 1, max: 60_000 }),
      (failures, drawn, maxDelay) => {
        const exact = Math.min(maxDelay, 250 * 2 ** (failures - 2));
        const waits = restartDelayMs(failures, () => drawn, maxDelay);
        assert.ok(
          Number.isSafeInteger(waits) && waits >= Math.floor(exact * 0.8) && waits <= Math.ceil(exact * 1.2),
        );
      },
    ),
  );
});

test('the third quick failure in a row waits half a second, more or less', () => {
  const next = afterExit({ code: 1, failures: 2, readyForMs: 300 }, policy, middle);
  assert.deepEqual(next, { next: 'backoff', failures: 3, delayMs: 500, crashLoop: false });
});

const cases = [
  ['never ready is quick', { code: 0, failures: 6, readyForMs: undefined }, 7],
  ['ready for a moment less than minUptime is quick', { code: 1, failures: 1, readyForMs: 4_999 }, 2],
  ['ready for minUptime is a first failure again', { code: 1, failures: 9, readyForMs: 5_000 }, 1],
] as const;
for (const [name, ended, failures] of cases) {
  test(name, () => {
    const next = afterExit(ended, policy, middle);
    assert.deepEqual([next.next, next.failures], ['backoff', failures]);
  });
}

test('maxRestarts is compared with the failures in a row: 0 gives up at the first', () => {
  const ended = { code: 1, failures: 0, readyForMs: undefined };
  assert.equal(afterExit(ended, { ...policy, maxRestarts: 0 }, middle).next, 'failed');
  assert.equal(afterExit(ended, { ...policy, maxRestarts: 1 }, middle).next, 'backoff');
});

test('without maxRestarts nothing but code 78 is ever given up', () => {
  fc.assert(
    fc.property(fc.nat(), fc.integer({ min: 0, max: 255 }), (failures, code) => {
      const { next } = afterExit({ code, failures, readyForMs: undefined }, policy, middle);
      assert.equal(next, code === 78 ? 'failed' : 'backoff');
    }),
  );
});

test('errors of a full machine pass, errors of a wrong path do not', () => {
  assert.deepEqual(['EAGAIN', 'ENOMEM', 'EMFILE', 'ENFILE', 'ENOENT', 'EACCES', ''].map(spawnErrorPasses), [
    true,
    true,
    true,
    true,
    false,
    false,
    false,
  ]);
});
