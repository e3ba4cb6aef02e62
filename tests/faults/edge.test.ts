/** A gateway as a real process that loses what it needs: M8 its file descriptors. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import type { NetConnectOpts } from 'node:net';
import { test } from 'node:test';
import { runDirectory } from '../../src/os/directories.ts';
import { controlPath, instanceAddress } from '../../src/processes/supervisor/spawner.ts';
import { fixture, instanceOf, makeHome, pidOf } from '../journeys/command.ts';
import { Load } from '../journeys/load.ts';
import { closedAfter, Kept } from './connections.ts';
import { WatchedApp } from './watched-app.ts';

const edge = fixture('edge/tutti.ts');
const gateway = 'gateway:public#1';

/** As many as it has, and as it may have. */
const held = (pid: number): Set<number> => new Set(readdirSync(`/proc/${String(pid)}/fd`).map(Number));
const softLimitOf = (pid: number): string =>
  /Max open files\s+(\S+)/.exec(readFileSync(`/proc/${String(pid)}/limits`, 'utf8'))?.[1] ?? '';
const tcp = (url: string): NetConnectOpts => ({ host: '127.0.0.1', port: Number(new URL(url).port) });
const setSoftLimit = (pid: number, limit: string): boolean =>
  spawnSync('prlimit', [`--nofile=${limit}:`, '--pid', String(pid)]).status === 0;
/** As many as it has: the lowest that is free would be the next. */
function leaveNone(pid: number): boolean {
  const fds = held(pid);
  let none = 0;
  while (fds.has(none)) none += 1;
  return setSoftLimit(pid, String(none));
}
const canSetLimits =
  process.platform === 'linux' &&
  spawnSync('prlimit', ['--nofile', '--pid', String(process.pid)]).status === 0;

/** What `/metrics` says on the line that has all these words; 0 where there is none. */
async function sampleOf(url: string, name: string, labels: readonly string[]): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const lines = text.split('\n').filter((line) => line.startsWith(`${name}{`));
  return Number(
    lines
      .find((line) => labels.every((label) => line.includes(label)))
      ?.split(' ')
      .at(-1) ?? 0,
  );
}

const secondsText = (ms: number): string => `${(ms / 1_000).toFixed(2)} s`;

test('M8 a gateway without a file descriptor serves who is connected, turns others away, says so, and is as before when it has some', async (context) => {
  if (!canSetLimits) {
    context.skip('needs prlimit and /proc');
    return;
  }
  using home = makeHome();
  await using app = new WatchedApp(home.folder, edge);
  const status = await app.ready();
  const url = await app.url();
  const pid = pidOf(status, gateway);
  const limit = softLimitOf(pid);
  const clients = Array.from({ length: 5 }, () => new Kept(url));
  await Promise.all(clients.map((client) => client.ask()));
  await using load = new Load(clients.length, (n) => (clients[n % clients.length] as Kept).ask());
  await load.more(50);

  assert.ok(leaveNone(pid));
  await app.hears('No file descriptor is left');
  const closed = await Promise.all(Array.from({ length: 20 }, () => closedAfter(tcp(url), 5_000)));
  await load.more(200);
  const known = clients.map(({ sockets }) => sockets.size);
  assert.ok(setSoftLimit(pid, limit));
  const began = performance.now();
  while ((await fetch(`${url}/say/x`).catch(() => undefined))?.status !== 200)
    assert.ok(performance.now() - began < 10_000, 'it takes no connection again');
  const backMs = performance.now() - began;
  await app.hears('There are file descriptors again');
  const { asked, failures } = await load.stop();
  const counted = await sampleOf(url, 'tutti_accept_failures_total', [gateway, 'listener="http"']);
  const worst = Math.max(...closed.map((ms) => ms ?? Infinity));
  context.diagnostic(
    `${String(asked)} requests on ${String(clients.length)} connections, ${String(failures.length)} failed; 20 of 20 others closed, the slowest after ${worst.toFixed(0)} ms; serving others again after ${secondsText(backMs)}`,
  );
  for (const client of clients) client.close();
  assert.deepEqual(failures, []);
  assert.deepEqual(new Set(known), new Set([1]), 'the connections were those of before');
  assert.ok(!closed.includes(undefined), 'a connection that cannot be served is not left waiting');
  assert.equal(instanceOf(await app.status(), gateway).pid, pid, 'it is the same process');
  assert.ok(counted >= 20, `${String(counted)} are counted`);
  assert.ok(backMs < 5_000);
  await app.end();
});

test('M8 the mesh socket of an instance and the control socket count whom they turn away too', async (context) => {
  if (!canSetLimits) {
    context.skip('needs prlimit and /proc');
    return;
  }
  using home = makeHome();
  await using app = new WatchedApp(home.folder, edge);
  const status = await app.ready();
  const url = await app.url();
  const { supervisor } = status.pids;
  const run = runDirectory(edge, { XDG_RUNTIME_DIR: home.folder, tmp: home.folder, uid: 0 });
  await using load = new Load(2, () => fetch(`${url}/say/x`));
  await load.more(20);
  const sockets = [
    [
      pidOf(status, 'echo#1'),
      instanceAddress(run, 'echo', 1),
      'tutti_accept_failures_total',
      ['echo#1', '"mesh"'],
    ],
    [supervisor, controlPath(run), 'tutti_supervisor_accept_failures_total', ['"control"']],
  ] as const;
  for (const [pid, path, metric, labels] of sockets) {
    const limit = softLimitOf(pid);
    const heard = app.said.length;
    assert.ok(leaveNone(pid));
    await app.hearsAfter(heard, 'No file descriptor is left');
    const closed = await Promise.all([1, 2, 3].map(() => closedAfter({ path }, 5_000)));
    assert.ok(!closed.includes(undefined), `${metric}: left waiting`);
    await load.more(20);
    assert.ok(setSoftLimit(pid, limit));
    await app.hearsAfter(heard, 'There are file descriptors again');
    // The supervisor's own are told once a second.
    const until = performance.now() + 10_000;
    while ((await sampleOf(url, metric, labels)) < 3)
      assert.ok(performance.now() < until, `${metric}: not counted`);
  }
  assert.deepEqual((await load.stop()).failures, []);
  assert.equal((await app.status()).pids.supervisor, supervisor, 'the supervisor lives');
  await app.end();
});
