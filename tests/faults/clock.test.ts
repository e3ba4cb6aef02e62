/** The wall clock jumps; what is measured in time goes on as if it had not. */
import assert from 'node:assert/strict';
import { existsSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fixture, instanceOf, makeHome, pidOf } from '../journeys/command.ts';
import { WatchedApp } from './watched-app.ts';

const library = ['x86_64', 'aarch64']
  .map((machine) => `/usr/lib/${machine}-linux-gnu/faketime/libfaketime.so.1`)
  .find((path) => existsSync(path));

/** Read at each look at the clock, so it is replaced and never half written. */
function setClock(file: string, hours: number): void {
  writeFileSync(`${file}.new`, `${hours < 0 ? '-' : '+'}${String(Math.abs(hours) * 3_600)}s\n`);
  renameSync(`${file}.new`, file);
}

test('fault 34: the clock jumps an hour forward and back: nobody is judged by it, and no wait is longer or shorter', async (context) => {
  if (library === undefined) {
    context.skip('needs libfaketime');
    return;
  }
  using home = makeHome();
  const file = join(home.folder, 'clock');
  setClock(file, 0);
  await using app = new WatchedApp(home.folder, fixture('journey/tutti.ts'), {
    ...{ LD_PRELOAD: library, FAKETIME_TIMESTAMP_FILE: file },
    // Without the first a jump back would freeze the timers of node itself; without the second the file is read once in 10 s.
    ...{ FAKETIME_DONT_FAKE_MONOTONIC: '1', FAKETIME_NO_CACHE: '1' },
    MIN_UPTIME: '60000',
  });
  const first = await app.ready();
  const url = await app.url();
  for (const [round, hours] of [1, -1].entries()) {
    const before = performance.now();
    const slow = fetch(`${url}/say/slow?waitMs=9000`, { headers: { 'request-timeout': '2' } });
    await app.until('it is in flight', (now) => instanceOf(now, 'echo#1').inFlight === 1);
    setClock(file, hours);
    assert.equal((await slow).status, 504);
    const deadlineMs = performance.now() - before;
    assert.ok(deadlineMs > 1_900 && deadlineMs < 7_000, `a deadline of 2 s took ${String(deadlineMs)} ms`);
    const now = await app.status();
    assert.ok(
      Math.abs(now.takenAt - Date.now() - hours * 3_600_000) < 60_000,
      'the clock of the app has jumped',
    );
    for (const slot of ['relay#1', 'gateway:public#1']) {
      assert.equal(pidOf(now, slot), pidOf(first, slot), slot);
      assert.equal(instanceOf(now, slot).state, 'ready', slot);
    }
    process.kill(pidOf(now, 'echo#1'), 'SIGKILL');
    setClock(file, 0);
    const killedAt = performance.now();
    await app.until('echo is back', ({ services }) =>
      services.some(({ instances }) =>
        instances.some(
          ({ slot, epoch, state }) => slot === 'echo#1' && epoch === round + 2 && state === 'ready',
        ),
      ),
    );
    assert.ok(performance.now() - killedAt < 10_000, 'its wait was not an hour');
  }
  await app.end();
});
