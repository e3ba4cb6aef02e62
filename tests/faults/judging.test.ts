/** Who lives, who works, who hangs: judged on real processes, with times about a tenth of the usual. Fault 11, 12 and 16 are journeys. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import type { AppStatus } from '../../src/core/status.ts';
import { fixture, instanceOf, makeHome, pidOf } from '../journeys/command.ts';
import { Load } from '../journeys/load.ts';
import { WatchedApp } from './watched-app.ts';
import type { Seen } from './watched-app.ts';
import { slowTest } from '../fuzz/chance.ts';

const judging = fixture('judging/tutti.ts');
const isLong = process.env['TUTTI_LONG'] === '1';

interface Judged extends Seen {
  readonly evidence: Readonly<Record<string, unknown>>;
}

const judgedOf = (app: WatchedApp, to: string): Judged | undefined =>
  app.eventsOf('echo#1').find((event) => event.to === to) as Judged | undefined;

const isReady =
  (slot: string, epoch: number) =>
  (status: AppStatus): boolean =>
    instanceOf(status, slot).state === 'ready' && instanceOf(status, slot).epoch === epoch;

const isUnready = (status: AppStatus): boolean => instanceOf(status, 'echo#1').state === 'unready';

test('fault 10: an endless loop is busy, left alone beyond the heartbeat timeout, killed at busyAfter, with evidence', async () => {
  using home = makeHome();
  await using app = new WatchedApp(home.folder, judging);
  await app.ready();
  void app.admin
    .post('/call', { action: 'echo.busy', input: { ms: 3_600_000 }, deadlineMs: 10_000 })
    .catch(() => undefined);
  await app.until('it is unready', isUnready);
  await app.until('it is known to be busy', (now) => instanceOf(now, 'echo#1').reason.includes('busy'));
  await app.until('it is replaced', isReady('echo#1', 2), 60_000);
  const unready = app.eventsOf('echo#1').filter(({ to }) => to === 'unready') as Judged[];
  assert.equal(unready.at(-1)?.evidence['verdict'], 'busy');
  const killed = judgedOf(app, 'stopping');
  assert.equal(killed?.evidence['verdict'], 'busy');
  assert.ok(Number(killed.evidence['silentMs']) > 6_000, 'far beyond the heartbeat timeout of 1.5 s');
  assert.ok(Number(killed.evidence['cpuMs']) > 0);
  await app.end();
});

test('fault 13: stopped and let go before the timeout, it is paused, then ready again, the same process', async () => {
  using home = makeHome();
  await using app = new WatchedApp(home.folder, judging, { HEARTBEAT_TIMEOUT: '60000' });
  const pid = pidOf(await app.ready(), 'echo#1');
  process.kill(pid, 'SIGSTOP');
  const paused = await app.until('it is unready', isUnready);
  assert.match(instanceOf(paused, 'echo#1').reason, /paused/);
  process.kill(pid, 'SIGCONT');
  assert.equal(pidOf(await app.until('it is ready again', isReady('echo#1', 1)), 'echo#1'), pid);
  assert.equal(judgedOf(app, 'unready')?.evidence['processState'], 'T');
  await app.end();
});

test('fault 14: a supervisor that is stopped for longer than every limit restarts nobody when it goes on', async () => {
  using home = makeHome();
  // A machine that has no time for an instance for 0.4 s makes it unready too, and rightly: that is another test's question.
  await using app = new WatchedApp(home.folder, judging, { REPLICAS: '2', STALE_AFTER: '1200' });
  const before = await app.ready();
  const url = await app.url();
  await using load = new Load(4, () => fetch(`${url}/say/x`));
  process.kill(before.pids.supervisor, 'SIGSTOP');
  await load.more(50);
  // What is waited for is time itself: more than three times the heartbeat timeout.
  await pause(5_000);
  process.kill(before.pids.supervisor, 'SIGCONT');
  await app.hears('The supervisor was held up');
  await load.more(200);
  const { failures } = await load.stop();
  const after = await app.ready();
  for (const slot of ['echo#1', 'echo#2', 'gateway:public#1']) {
    assert.equal(pidOf(after, slot), pidOf(before, slot), slot);
    assert.deepEqual(
      app.eventsOf(slot).filter(({ to }) => to === 'unready'),
      [],
      slot,
    );
  }
  assert.equal(after.pids.supervisor, before.pids.supervisor);
  assert.deepEqual(failures, []);
  await app.end();
});

slowTest(
  'fault 14: a supervisor that was stopped together with those it watches says nothing of them when it looks first',
  async () => {
    using home = makeHome();
    await using app = new WatchedApp(home.folder, judging, { REPLICAS: '2', STALE_AFTER: '1200' });
    const before = await app.ready();
    const echoes = ['echo#1', 'echo#2'].map((slot) => pidOf(before, slot));
    for (const pid of [before.pids.supervisor, ...echoes]) process.kill(pid, 'SIGSTOP');
    // More than three times both limits.
    await pause(5_000);
    process.kill(before.pids.supervisor, 'SIGCONT');
    await app.hears('The supervisor was held up');
    for (const pid of echoes) process.kill(pid, 'SIGCONT');
    const after = await app.ready();
    assert.deepEqual([pidOf(after, 'echo#1'), pidOf(after, 'echo#2')], echoes);
    // That nobody is killed would not do: a silence that is new at the first look is not yet long enough for it.
    for (const slot of ['echo#1', 'echo#2'])
      assert.deepEqual(
        app.eventsOf(slot).map(({ to }) => to),
        ['pending', 'starting', 'ready'],
        slot,
      );
    await app.end();
  },
);

test('fault 15: with no core free nobody is killed, but who is stopped meanwhile is', async () => {
  using home = makeHome();
  await using app = new WatchedApp(home.folder, judging, { REPLICAS: '2' });
  const before = await app.ready();
  const spin = 'const end = Date.now() + 120_000; while (Date.now() < end);';
  const spinners = Array.from({ length: 2 * availableParallelism() }, () =>
    spawn(process.execPath, ['-e', spin], { stdio: 'ignore' }),
  );
  try {
    process.kill(pidOf(before, 'echo#1'), 'SIGSTOP');
    await app.until('the stopped one is replaced', isReady('echo#1', 2), 60_000);
    if (isLong) await pause(60_000);
    const after = await app.until('all are ready', isReady('echo#2', 1), 60_000);
    for (const slot of ['echo#2', 'gateway:public#1']) assert.equal(instanceOf(after, slot).epoch, 1, slot);
  } finally {
    for (const spinner of spinners) spinner.kill('SIGKILL');
  }
  await app.end();
});

test('fault 17: one that never gets ready is ended for it again and again; who needs it waits, and nothing else does', async () => {
  using home = makeHome();
  await using app = new WatchedApp(home.folder, judging, { NEVER: '1' });
  // On a machine under load the third start of the one may come before the first of the other has ended.
  const third = await app.until(
    'it was started thrice, and who needs it not is ready',
    (now) => instanceOf(now, 'never#1').epoch >= 3 && instanceOf(now, 'echo#1').state === 'ready',
    60_000,
  );
  const waits = instanceOf(third, 'waits#1');
  assert.deepEqual([waits.state, waits.reason, waits.epoch], ['pending', 'waits for never', 0]);
  const ends = app.eventsOf('never#1').filter(({ to }) => to === 'stopping');
  assert.ok(ends.length >= 2);
  for (const { reason } of ends) assert.equal(reason, 'not ready within 1000 ms');
  assert.equal(
    app.eventsOf('waits#1').some(({ to }) => to === 'starting'),
    false,
  );
  await app.end();
});
