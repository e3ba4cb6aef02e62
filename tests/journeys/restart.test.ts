import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Command, fixture, instanceOf, makeHome, pidOf } from './command.ts';
import { Load } from './load.ts';
import { livesStill } from './processes.ts';

const journey = fixture('journey/tutti.ts');

test('fault 1: SIGKILL of the only one under load: only what was in flight on it fails, and it is back at once as a first failure', async () => {
  using home = makeHome();
  await using app = new Command(home.folder, ['start', journey]);
  const before = await app.ready();
  const url = await app.url();
  const pay = (n: number): Promise<Response> =>
    fetch(`${url}/pay`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ n }),
    });
  const load = new Load(8, pay);
  await load.more(100);
  process.kill(pidOf(before, 'echo#1'), 'SIGKILL');
  const after = await app.until(
    'echo#1 is back',
    (now) => instanceOf(now, 'echo#1').epoch === 2 && instanceOf(now, 'echo#1').state === 'ready',
  );
  await load.more(50);
  const { failures } = await load.stop();
  const codes = failures.map((words) => /"code":"([A-Z_]+)"/.exec(words)?.[1] ?? words);
  assert.ok(codes.filter((code) => code === 'INSTANCE_LOST').length <= 8, 'one in flight for each client');
  // While nobody is there what is asked is refused, and not executed.
  const told = ['INSTANCE_LOST', 'NO_INSTANCE', 'CONNECTION_REFUSED'];
  assert.deepEqual(
    codes.filter((code) => !told.includes(code)),
    [],
  );
  for (const slot of ['relay#1', 'gateway:public#1'])
    assert.equal(pidOf(after, slot), pidOf(before, slot), slot);
  const { restarts, crashLoop } = instanceOf(after, 'echo#1');
  assert.deepEqual([restarts, crashLoop], [1, false]);
});

test('fault 2: SIGKILL of one of two under load: idempotent requests lose nothing, the other keeps its epoch', async () => {
  using home = makeHome();
  await using app = new Command(home.folder, ['start', journey], { REPLICAS: '2' });
  await app.ready();
  const url = await app.url();
  const load = new Load(10, () => fetch(`${url}/say/x`));
  for (let round = 1; round <= 4; round += 1) {
    await load.more(150);
    const status = await app.status();
    process.kill(pidOf(status, 'echo#1'), 'SIGKILL');
    const after = await app.until(
      'echo#1 is back',
      (now) => instanceOf(now, 'echo#1').epoch === round + 1 && instanceOf(now, 'echo#1').state === 'ready',
    );
    assert.equal(instanceOf(after, 'echo#2').epoch, 1);
    assert.equal(instanceOf(after, 'echo#1').restarts, round);
    // Past minUptime, so that each death is a first one.
    await load.more(400);
  }
  assert.deepEqual((await load.stop()).failures, []);
});

test('fault 6: one that ends at once again and again is given up after maxRestarts, and revived by a start', async () => {
  using home = makeHome();
  await using app = new Command(home.folder, ['start', journey], { MAX_RESTARTS: '3', MIN_UPTIME: '60000' });
  await app.ready();
  const url = await app.url();
  for (let epoch = 1; epoch <= 4; epoch += 1) {
    await app.until(
      'it is there',
      (now) => instanceOf(now, 'echo#1').state === 'ready' && instanceOf(now, 'echo#1').epoch === epoch,
    );
    await fetch(`${url}/crash`, { method: 'POST' }).catch(() => undefined);
    await app.until(
      'it ended',
      (now) =>
        instanceOf(now, 'echo#1').epoch > epoch ||
        ['backoff', 'pending', 'failed'].includes(instanceOf(now, 'echo#1').state),
    );
  }
  const failed = await app.until('it is given up', (now) => instanceOf(now, 'echo#1').state === 'failed');
  assert.equal(instanceOf(failed, 'echo#1').epoch, 4, 'one start and three restarts');
  assert.match(instanceOf(failed, 'echo#1').reason, /exited with code 9; gave up after 3 restarts/);
  const refused = await fetch(`${url}/say/x`);
  assert.equal(refused.status, 503);
  assert.ok(refused.headers.has('retry-after'));
  await app.admin.post('/start', { target: 'echo' });
  await app.ready();
  assert.equal((await fetch(`${url}/say/x`)).status, 200);
});

test('fault 22: the children of one that died are gone before the next one starts', async () => {
  using home = makeHome();
  await using app = new Command(home.folder, ['start', journey]);
  const status = await app.ready();
  const { output } = await app.admin.post<{ output: { pid: number } }>('/call', { action: 'echo.child' });
  process.kill(output.pid, 0);
  process.kill(pidOf(status, 'echo#1'), 'SIGKILL');
  await app.until(
    'echo#1 is back',
    (now) => instanceOf(now, 'echo#1').epoch === 2 && instanceOf(now, 'echo#1').state === 'ready',
  );
  assert.equal(livesStill(output.pid), false);
});

test('fault 11, 12: a stopped process is unrouted, then found hung and replaced; a busy one is left alone', async () => {
  using home = makeHome();
  await using app = new Command(home.folder, ['start', journey], { REPLICAS: '2' });
  const status = await app.ready();
  process.kill(pidOf(status, 'echo#1'), 'SIGSTOP');
  const unrouted = await app.until('it is unrouted', (now) => instanceOf(now, 'echo#1').state === 'unready');
  assert.match(instanceOf(unrouted, 'echo#1').reason, /paused/);
  await app.until(
    'it is replaced',
    (now) => instanceOf(now, 'echo#1').epoch === 2 && instanceOf(now, 'echo#1').state === 'ready',
  );
  const { output } = await app.admin.post<{ output: { done: boolean } }>('/call', {
    action: 'echo.busy',
    input: { ms: 3_000 },
  });
  assert.equal(output.done, true);
  const after = await app.ready();
  assert.deepEqual(
    [instanceOf(after, 'echo#1').epoch, instanceOf(after, 'echo#2').epoch],
    [2, 1],
    'three seconds without a beat, and nobody was killed',
  );
});

test('fault 16: a failing check() makes an instance unready, never dead', async () => {
  using home = makeHome();
  await using app = new Command(home.folder, ['start', journey]);
  const status = await app.ready();
  await app.admin.post('/call', { action: 'echo.fit', input: { fit: false } });
  const unfit = await app.until('it is unready', (now) => instanceOf(now, 'echo#1').state === 'unready');
  assert.match(instanceOf(unfit, 'echo#1').reason, /check\(\) failed 3 times/);
  assert.equal(pidOf(unfit, 'echo#1'), pidOf(status, 'echo#1'));
  assert.equal((await fetch(`${await app.url()}/health`)).status, 503);
});

test('fault 36: scaled up and down under load nothing is lost, and the change by hand is said', async () => {
  using home = makeHome();
  await using app = new Command(home.folder, ['start', journey]);
  await app.ready();
  const url = await app.url();
  const load = new Load(10, () => fetch(`${url}/say/x`));
  await load.more(100);
  await app.admin.post('/scale', { service: 'echo', replicas: 4 });
  const grown = await app.until(
    'four are ready',
    ({ services }) => services.find(({ name }) => name === 'echo')?.ready === 4,
  );
  assert.match(grown.notes.join(), /echo is scaled to 4 by hand/);
  await load.more(300);
  await app.admin.post('/scale', { service: 'echo' });
  await app.until(
    'one is left',
    ({ services }) => services.find(({ name }) => name === 'echo')?.instances.length === 1,
  );
  await load.more(100);
  assert.deepEqual((await load.stop()).failures, []);
});
