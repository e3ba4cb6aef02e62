/** G7: more connections than a gateway may have. The rest is closed at once and counted, and who is in does not notice. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { times } from '../fuzz/chance.ts';
import { fixture, instanceOf, makeHome, pidOf } from '../journeys/command.ts';
import { Load } from '../journeys/load.ts';
import { quantile } from '../journeys/open-load.ts';
import { closedAfter, Kept, residentOf } from './connections.ts';
import { WatchedApp } from './watched-app.ts';

const gateway = 'gateway:public#1';
const cap = 50;
/** So many at once, so often. */
const waves = times(8, 200);
const inWave = 100;
const settledMs = 30_000;

async function droppedBy(client: Kept): Promise<number> {
  const body = await (await client.get('/metrics')).text();
  const found = /^tutti_http_connections_dropped_total\S* (\d+)$/m.exec(body);
  assert.ok(found !== null, body.slice(0, 2_000));
  return Number(found[1]);
}

test('G7 a flood of connections is closed and counted, costs no memory that stays, and those who are in are served', async (context) => {
  using home = makeHome();
  await using app = new WatchedApp(home.folder, fixture('edge/slow.ts'), { CONNECTIONS: String(cap) });
  const pid = pidOf(await app.ready(60_000), gateway);
  const url = await app.url();
  const port = Number(new URL(url).port);
  const clients = Array.from({ length: cap }, () => new Kept(url));
  await Promise.all(clients.map((client) => client.ask()));
  await using load = new Load(cap, (n) => (clients[n % cap] as Kept).ask());
  await load.more(20 * cap);
  const [first] = clients as [Kept];
  assert.equal(await droppedBy(first), 0);
  const before = residentOf(pid);

  const closed: (number | undefined)[] = [];
  const began = performance.now();
  for (let wave = 0; wave < waves; wave += 1)
    closed.push(
      ...(await Promise.all(
        Array.from({ length: inWave }, () => closedAfter({ host: '127.0.0.1', port }, 10_000)),
      )),
    );
  const floodMs = performance.now() - began;
  const during = residentOf(pid);
  await load.more(20 * cap);
  const dropped = await droppedBy(first);
  const { asked, failures } = await load.stop();
  const sockets = clients.map((client) => client.sockets.size);
  for (const client of clients) client.close();

  const until = performance.now() + settledMs;
  while (residentOf(pid) > before + 64 && performance.now() < until) await pause(100);
  const after = residentOf(pid);
  const took = closed.map((ms) => ms ?? Infinity);
  context.diagnostic(
    `${String(closed.length)} connections in ${(floodMs / 1_000).toFixed(1)} s beside ${String(cap)} that are busy: ${String(dropped)} dropped, closed after ${quantile(took, 0.5).toFixed(0)} ms, p99 ${quantile(took, 0.99).toFixed(0)} ms; ${String(asked)} requests, ${String(failures.length)} failed; RSS ${[before, during, after].map((mib) => mib.toFixed(0)).join(', ')} MiB before, at its end, afterwards`,
  );
  assert.ok(!closed.includes(undefined), 'one was neither served nor closed');
  assert.equal(dropped, closed.length, 'each is counted');
  assert.deepEqual(failures, []);
  assert.deepEqual(new Set(sockets), new Set([1]), 'no client had to connect anew');
  assert.ok(after <= before + 64, `${after.toFixed(0)} MiB, before the flood ${before.toFixed(0)}`);
  const free = new Kept(url);
  const there = performance.now() + 10_000;
  while ((await free.ask().catch(() => undefined))?.status !== 200)
    assert.ok(performance.now() < there, 'there is room and none is let in');
  free.close();
  assert.equal(instanceOf(await app.status(), gateway).pid, pid, 'it is the same process');
  await app.end();
});
