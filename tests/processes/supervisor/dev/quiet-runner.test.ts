import assert from 'node:assert/strict';
import { setImmediate } from 'node:timers/promises';
import { test } from 'node:test';
import { QuietRunner } from '../../../../src/processes/supervisor/dev/quiet-runner.ts';
import { fakeClock } from '../../../../src/testing/fake-clock.ts';

function makeRunner(): {
  clock: ReturnType<typeof fakeClock>;
  runner: QuietRunner;
  runs: number[];
  finish: () => Promise<void>;
} {
  const clock = fakeClock();
  const runs: number[] = [];
  let running = Promise.withResolvers<undefined>();
  const runner = new QuietRunner({
    clock,
    run: (since) => {
      runs.push(since);
      running = Promise.withResolvers();
      return running.promise.then(() => undefined);
    },
  });
  const finish = async (): Promise<void> => {
    running.resolve(undefined);
    await setImmediate();
  };
  return { clock, runner, runs, finish };
}

test('events that follow each other make one run, once it is quiet', () => {
  const { clock, runner, runs } = makeRunner();
  for (let n = 0; n < 5; n += 1) {
    runner.ask();
    clock.advance(50);
  }
  assert.deepEqual(runs, []);
  clock.advance(60);
  assert.deepEqual(runs, [0]);
});

test('somebody who never pauses is waited for no longer than a second', () => {
  const { clock, runner, runs } = makeRunner();
  for (let n = 0; n < 25; n += 1) {
    runner.ask();
    clock.advance(50);
  }
  assert.deepEqual(runs, [0]);
});

test('never two at a time: what comes meanwhile makes one more run', async () => {
  const { clock, runner, runs, finish } = makeRunner();
  runner.ask();
  clock.advance(100);
  for (let n = 0; n < 3; n += 1) runner.ask();
  clock.advance(5_000);
  assert.deepEqual(runs, [0]);
  await finish();
  clock.advance(100);
  assert.deepEqual(runs, [0, 100]);
  await finish();
  clock.advance(5_000);
  assert.equal(runs.length, 2);
});

test('after close nothing runs', async () => {
  const { clock, runner, runs, finish } = makeRunner();
  runner.ask();
  clock.advance(100);
  runner.ask();
  runner.close();
  await finish();
  runner.ask();
  clock.advance(5_000);
  assert.equal(runs.length, 1);
  assert.equal(clock.pending, 0);
});
