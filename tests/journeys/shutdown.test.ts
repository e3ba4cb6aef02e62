import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allPids, Command, fixture, makeHome, pidOf } from './command.ts';
import { livesStill, untilGone } from './processes.ts';

const journey = fixture('journey/tutti.ts');

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  test(`fault 23: ${signal} stops in order: what is in flight is answered, nothing new is taken, nobody is left`, async () => {
    using home = makeHome();
    await using app = new Command(home.folder, ['start', journey], { DRAIN: '8000' });
    const status = await app.ready();
    const url = await app.url();
    const inFlight = Array.from(
      { length: 50 },
      async (_, n) => (await fetch(`${url}/say/n${String(n)}?waitMs=3000`)).status,
    );
    await app.until(
      'all are in flight',
      ({ services }) => (services.find(({ name }) => name === 'echo')?.instances[0]?.inFlight ?? 0) >= 50,
    );
    app.child.kill(signal);
    await app.until('it stops', ({ services }) =>
      services.some(({ instances }) => instances.some(({ state }) => state === 'draining')),
    );
    // All are told that it drains before it does; until then, half a second at most, a request may be taken.
    const began = performance.now();
    let takenForMs = 0;
    const late = (): Promise<number | undefined> =>
      fetch(`${url}/say/late`, { signal: AbortSignal.timeout(5_000) }).then(
        ({ status: code }) => code,
        () => undefined,
      );
    while ((await late()) === 200) takenForMs = performance.now() - began;
    assert.ok(takenForMs < 2_000, `new requests were taken for ${String(takenForMs)} ms of 3,000`);
    assert.deepEqual(
      await Promise.all(inFlight),
      Array.from({ length: 50 }, () => 200),
    );
    assert.equal(await app.exited, 0);
    assert.deepEqual(allPids(status).filter(livesStill), []);
  });

test('fault 37: a second Ctrl-C ends everything within a second, with 130', async () => {
  using home = makeHome();
  await using app = new Command(home.folder, ['start', journey], { DRAIN: '30000' });
  const status = await app.ready();
  const url = await app.url();
  void fetch(`${url}/say/x?waitMs=15000`).catch(() => undefined);
  await app.until(
    'it is in flight',
    ({ services }) => services.find(({ name }) => name === 'echo')?.instances[0]?.inFlight === 1,
  );
  app.child.kill('SIGINT');
  await app.until('it stops', (now) =>
    now.services.some(({ instances }) => instances.some(({ state }) => state === 'draining')),
  );
  // Later than an echo of the first.
  await new Promise((done) => setTimeout(done, 250));
  const before = performance.now();
  app.child.kill('SIGINT');
  assert.equal(await app.exited, 130);
  assert.ok(performance.now() - before < 5_000, 'a second on a quiet machine');
  assert.deepEqual(allPids(status).filter(livesStill), []);
});

test('fault 21, 22: one that cannot listen to a stop is killed with its children when its time is over', async () => {
  using home = makeHome();
  await using app = new Command(home.folder, ['start', journey], { DRAIN: '300' });
  const status = await app.ready();
  const { output } = await app.admin.post<{ output: { pid: number } }>('/call', { action: 'echo.child' });
  void app.admin
    .post('/call', { action: 'echo.busy', input: { ms: 60_000 }, deadlineMs: 60_000 })
    .catch(() => undefined);
  await app.until('it is busy', (now) =>
    now.services.some(({ instances }) => instances.some(({ state }) => state === 'unready')),
  );
  app.child.kill('SIGTERM');
  assert.equal(await app.exited, 0);
  assert.deepEqual([output.pid, ...allPids(status)].filter(livesStill), []);
});

test('fault 37: SIGTERM during the start leaves nothing behind', async () => {
  using home = makeHome();
  for (const waitFor of [undefined, 'Instance is ready']) {
    await using app = new Command(home.folder, ['start', journey]);
    if (waitFor !== undefined) await app.hears(waitFor);
    const status = await app.status().catch(() => undefined);
    app.child.kill('SIGTERM');
    const code = await app.exited;
    assert.ok(code === 0 || (waitFor === undefined && code === null), String(code));
    if (status !== undefined) await untilGone(allPids(status));
  }
});

test('tutti stop by the admin API ends the whole app with 0', async () => {
  using home = makeHome();
  await using app = new Command(home.folder, ['start', journey]);
  const status = await app.ready();
  assert.ok(pidOf(status, 'echo#1') > 0);
  await app.admin.post('/stop', {});
  assert.equal(await app.exited, 0);
  assert.deepEqual(allPids(status).filter(livesStill), []);
});
