import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AppStatus } from '../../src/core/status.ts';
import { times } from '../fuzz/chance.ts';
import { allPids, Command, fixture, instanceOf, makeHome, pidOf } from './command.ts';
import { Load } from './load.ts';
import { untilGone } from './processes.ts';

const journey = fixture('journey/tutti.ts');

test('fault 25: SIGKILL of the supervisor: no request is lost, and its successor has really adopted the instances', async () => {
  using home = makeHome();
  await using app = new Command(home.folder, ['start', journey], { REPLICAS: '2' });
  const first = await app.ready();
  const url = await app.url();
  const load = new Load(10, () => fetch(`${url}/ask/x`));
  let supervisor = first.pids.supervisor;
  for (let round = 0; round < times(4, 20); round += 1) {
    await load.more(60);
    process.kill(supervisor, 'SIGKILL');
    const next = await app.until('there is a successor', ({ pids }) => pids.supervisor !== supervisor);
    supervisor = next.pids.supervisor;
    for (const slot of ['echo#1', 'echo#2', 'relay#1', 'gateway:public#1'])
      assert.equal(pidOf(next, slot), pidOf(first, slot), slot);
  }
  assert.deepEqual((await load.stop()).failures, []);

  process.kill(pidOf(first, 'echo#1'), 'SIGKILL');
  const adopted = await app.until(
    'echo#1 is back',
    (now) => instanceOf(now, 'echo#1').epoch === 2 && instanceOf(now, 'echo#1').state === 'ready',
  );
  assert.equal(instanceOf(adopted, 'echo#2').epoch, 1);
  assert.equal(instanceOf(adopted, 'relay#1').epoch, 1);
  app.child.kill('SIGTERM');
  assert.equal(await app.exited, 0, 'the successor stops in order too');
});

test('fault 25: SIGKILL of the supervisor in the middle of a start, a scale and a stop: each is finished by its successor', async () => {
  using home = makeHome();
  await using app = new Command(home.folder, ['start', journey]);
  await app.until('it has begun', ({ services }) =>
    services.some(({ instances }) => instances.some(({ state }) => state === 'starting')),
  );
  process.kill((await app.status()).pids.supervisor, 'SIGKILL');
  const started = await app.ready();

  await app.admin.post('/scale', { service: 'echo', replicas: 3 });
  process.kill(started.pids.supervisor, 'SIGKILL');
  const grown = await app.until(
    'three are ready',
    ({ services }) => services.find(({ name }) => name === 'echo')?.ready === 3,
  );
  const pids = grown.services.flatMap(({ instances }) => instances.map(({ pid }) => pid));
  assert.equal(new Set(pids).size, pids.length);

  const url = await app.url();
  const slow = fetch(`${url}/say/x?waitMs=1500`).then(({ status }) => status);
  await app.until('it is in flight', ({ services }) =>
    services.some(({ name, instances }) => name === 'echo' && instances.some(({ inFlight }) => inFlight > 0)),
  );
  app.child.kill('SIGTERM');
  await app.until('it stops', ({ services }) =>
    services.some(({ instances }) => instances.some(({ state }) => state === 'draining')),
  );
  process.kill((await app.status()).pids.supervisor, 'SIGKILL');
  assert.equal(await slow, 200);
  assert.equal(await app.exited, 0);
  await untilGone(allPids(grown));
});

test('SIGKILL of the gateway: the socket is the keeper’s, so no connection is refused', async () => {
  using home = makeHome();
  await using app = new Command(home.folder, ['start', journey]);
  const status = await app.ready();
  const url = await app.url();
  process.kill(pidOf(status, 'gateway:public#1'), 'SIGKILL');
  const answers = await Promise.all(
    Array.from({ length: 20 }, async () => (await fetch(`${url}/say/x`)).status),
  );
  assert.deepEqual(new Set(answers), new Set([200]));
});

test('fault 26: SIGKILL of the keeper: everything is gone in 9 s, who is idle, busy or draining, and the next start is clean', async () => {
  using home = makeHome();
  {
    const env = { ORPHAN_GRACE: '1000', REPLICAS: '3', DRAIN: '30000' };
    await using app = new Command(home.folder, ['start', journey], env);
    const status = await app.ready();
    const url = await app.url();
    const echoes = ['echo#1', 'echo#2', 'echo#3'];
    const inState = (now: AppStatus, state: string): string[] =>
      echoes.filter((slot) => instanceOf(now, slot).state === state);
    void app.admin
      .post('/call', { action: 'echo.busy', input: { ms: 60_000 }, deadlineMs: 60_000 })
      .catch(() => undefined);
    const [busy] = inState(
      await app.until('one is busy', (now) => inState(now, 'unready').length === 1),
      'unready',
    );
    const idle = echoes.filter((slot) => slot !== busy);
    for (let n = 0; n < 8; n += 1) void fetch(`${url}/say/x?waitMs=20000`).catch(() => undefined);
    await app.until('they have something in hand', (now) =>
      idle.every((slot) => instanceOf(now, slot).inFlight > 0),
    );
    await app.admin.post('/stop', { target: idle[0] ?? '' });
    await app.until('one drains', (now) => inState(now, 'draining').length === 1);
    app.child.kill('SIGKILL');
    const tookMs = await untilGone(allPids(status), 20_000);
    assert.ok(tookMs < 15_000, `${String(tookMs)} ms; nine seconds on a quiet machine`);
  }
  await using again = new Command(home.folder, ['start', journey]);
  await again.ready();
});

test('fault 26: SIGKILL of keeper and supervisor at once: the next start sweeps what they left', async () => {
  using home = makeHome();
  const before = await (async () => {
    await using app = new Command(home.folder, ['start', journey], { ORPHAN_GRACE: '60000' });
    const status = await app.ready();
    void app.admin
      .post('/call', { action: 'echo.busy', input: { ms: 60_000 }, deadlineMs: 60_000 })
      .catch(() => undefined);
    await app.until('it is busy', (now) => instanceOf(now, 'echo#1').state === 'unready');
    process.kill(status.pids.supervisor, 'SIGKILL');
    app.child.kill('SIGKILL');
    return status;
  })();
  await using again = new Command(home.folder, ['start', journey]);
  const after = await again.ready();
  await untilGone(allPids(before));
  assert.equal(instanceOf(after, 'echo#1').epoch, 1);
});
