/** A gateway as a real process that loses what it needs: M8 its file descriptors. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { Agent, get } from 'node:http';
import { createConnection } from 'node:net';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { fixture, instanceOf, makeHome, pidOf } from '../journeys/command.ts';
import { Load } from '../journeys/load.ts';
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

/** One connection that is kept, and what is asked through it; it fails rather than connect anew. */
class Kept {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  readonly #url: string;
  readonly sockets = new Set<Socket>();

  constructor(url: string) {
    this.#url = url;
  }

  ask(): Promise<Response> {
    return new Promise((resolve, reject) => {
      const request = get(`${this.#url}/say/x`, { agent: this.#agent }, (response) => {
        response.resume().once('end', () => {
          resolve(new Response(null, { status: response.statusCode ?? 0 }));
        });
      });
      request.once('socket', (socket) => this.sockets.add(socket)).once('error', reject);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}

/** How long until it was closed, or undefined where it was not within the time. */
async function closedAfter(port: number, withinMs: number): Promise<number | undefined> {
  const began = performance.now();
  const socket = createConnection(port, '127.0.0.1').on('error', () => undefined);
  const closed = once(socket.resume(), 'close').then(() => performance.now() - began);
  const after = await Promise.race([closed, pause(withinMs, undefined, { ref: false })]);
  socket.destroy();
  return after;
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
