import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mock, test } from 'node:test';
import { systemClock } from '../../src/os/clock.ts';

test('now is CLOCK_MONOTONIC in milliseconds', () => {
  const before = Number(process.hrtime.bigint()) / 1e6;
  const now = systemClock.now();
  const after = Number(process.hrtime.bigint()) / 1e6;
  // performance.now is rounded to microseconds.
  assert.ok(now > before - 0.1 && now < after + 0.1, `${String(before)} ${String(now)} ${String(after)}`);
});

test('now is comparable between processes', () => {
  const script = `import('./src/os/clock.ts').then(({ systemClock }) => console.log(systemClock.now()))`;
  const before = systemClock.now();
  const there = Number(execFileSync(process.execPath, ['-e', script], { encoding: 'utf8' }));
  assert.ok(there > before && there < systemClock.now());
});

test('a wait of more than 2^31 ms does not fire early, and fires', () => {
  const delays: number[] = [];
  mock.timers.enable({ apis: ['setTimeout'] });
  const timeouts = mock.method(globalThis, 'setTimeout', (_fire: () => void, delayMs: number) =>
    delays.push(delayMs),
  );
  systemClock.after(2 ** 31, () => undefined);
  timeouts.mock.restore();
  mock.timers.reset();
  assert.deepEqual(delays, [3_600_000]);
});

test('a short wait fires once, and not when it was cancelled', async () => {
  let fired = 0;
  const cancelled = systemClock.after(1, () => fired++);
  cancelled.cancel();
  await new Promise<void>((resolve) => void systemClock.after(20, resolve));
  assert.equal(fired, 0);
});
