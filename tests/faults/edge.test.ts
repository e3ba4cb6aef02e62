/** A gateway as a real process that loses what it needs: M8 its file descriptors. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
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
const setSoftLimit = (pid: number, limit: string): boolean =>
  spawnSync('prlimit', [`--nofile=${limit}:`, '--pid', String(pid)]).status === 0;
const canSetLimits =
  process.platform === 'linux' &&
  spawnSync('prlimit', ['--nofile', '--pid', String(process.pid)]).status === 0;

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

  const fds = held(pid);
  let none = 0;
  while (fds.has(none)) none += 1;
  assert.ok(setSoftLimit(pid, String(none)));
  await app.hears('No file descriptor is left');
  const closed: (number | undefined)[] = [];
  for (let n = 0; n < 20; n += 1) closed.push(await closedAfter(Number(new URL(url).port), 5_000));
  await load.more(200);
  const known = clients.map(({ sockets }) => sockets.size);
  assert.ok(setSoftLimit(pid, limit));
  const began = performance.now();
  while ((await fetch(`${url}/say/x`).catch(() => undefined))?.status !== 200)
    assert.ok(performance.now() - began < 10_000, 'it takes no connection again');
  const backMs = performance.now() - began;
  await app.hears('There are file descriptors again');
  const { asked, failures } = await load.stop();
  const worst = Math.max(...closed.map((ms) => ms ?? Infinity));
  context.diagnostic(
    `${String(asked)} requests on ${String(clients.length)} connections, ${String(failures.length)} failed; 20 of 20 others closed, the slowest after ${worst.toFixed(0)} ms; serving others again after ${secondsText(backMs)}`,
  );
  for (const client of clients) client.close();
  assert.deepEqual(failures, []);
  assert.deepEqual(new Set(known), new Set([1]), 'the connections were those of before');
  assert.ok(!closed.includes(undefined), 'a connection that cannot be served is not left waiting');
  assert.equal(instanceOf(await app.status(), gateway).pid, pid, 'it is the same process');
  await app.end();
});
