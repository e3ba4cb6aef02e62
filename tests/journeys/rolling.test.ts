import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { EventPage, TuttiEvent } from '../../src/core/events.ts';
import type { AppStatus } from '../../src/core/status.ts';
import { Command, fixture, makeHome } from './command.ts';
import { Load } from './load.ts';

const rolling = fixture('rolling/tutti.ts');

async function roll(app: Command): Promise<number> {
  const { after } = await app.admin.post<{ after: number }>('/restart', { target: 'worker', rolling: true });
  return after;
}

/** The supervisor may be another one meanwhile. */
async function rollEnd(app: Command, after: number): Promise<TuttiEvent> {
  for (let tries = 0; tries < 600; tries += 1) {
    const path = `/events?of=worker&after=${String(after)}&waitMs=200`;
    const page = await app.admin.get<EventPage>(path).catch(() => undefined);
    const end = page?.events.find((event) => event.type === 'app' && /^roll:(done|undone)$/.test(event.name));
    if (end !== undefined) return end;
    await new Promise((done) => setTimeout(done, 50));
  }
  throw new Error(`the roll did not end\n${app.said}`);
}

const workers = (
  status: AppStatus,
): readonly { slot: string; epoch: number; pid: number | null; state: string }[] =>
  status.services.find(({ name }) => name === 'worker')?.instances ?? [];
const pids = (status: AppStatus): (number | null)[] => workers(status).map(({ pid }) => pid);

test('a rolling restart under load loses nothing, twice, and once through the death of the supervisor', async () => {
  using home = makeHome();
  await using app = new Command(home.folder, ['start', rolling], { FOLDER: home.folder });
  const before = pids(await app.ready());
  const url = await app.url();
  await using load = new Load(10, () => fetch(`${url}/who`));
  for (const round of [1, 2]) {
    await load.more(100);
    const end = await rollEnd(app, await roll(app));
    assert.deepEqual(
      [end.type === 'app' && end.name, end.evidence['replaced']],
      ['roll:done', 2],
      String(round),
    );
  }
  const after = await roll(app);
  await app.until('a newcomer starts', (status) => workers(status).length === 3);
  process.kill((await app.status()).pids.supervisor, 'SIGKILL');
  const end = await rollEnd(app, after);
  assert.equal(end.type === 'app' && end.name, 'roll:done');
  const settled = await app.until('two are left', (status) => workers(status).length === 2);
  assert.ok(workers(settled).every(({ state }) => state === 'ready'));
  assert.ok(pids(settled).every((pid) => !before.includes(pid)));
  assert.deepEqual((await load.stop()).failures, []);
});

test('a release that does not start is undone: the old ones serve on, and the event says why', async () => {
  using home = makeHome();
  await using app = new Command(home.folder, ['start', rolling], { FOLDER: home.folder });
  const before = workers(await app.ready());
  const url = await app.url();
  await using load = new Load(4, () => fetch(`${url}/who`));
  writeFileSync(join(home.folder, 'broken'), '');
  const end = await rollEnd(app, await roll(app));
  assert.equal(end.type === 'app' && end.name, 'roll:undone');
  assert.match(end.reason, /worker#3 did not become ready: .*broken on purpose/);
  const after = await app.until('the newcomer is gone', (status) => workers(status).length === 2);
  const view = (list: typeof before): unknown => list.map(({ slot, epoch, pid }) => [slot, epoch, pid]);
  assert.deepEqual(view(workers(after)), view(before));
  assert.deepEqual((await load.stop()).failures, []);
});

test('fault 24: work that asks for more time is finished after the drain timeout, and cut at drainMax', async () => {
  using home = makeHome();
  await using app = new Command(home.folder, ['start', rolling], { FOLDER: home.folder, REPLICAS: '1' });
  await app.ready();
  const url = await app.url();
  const began = performance.now();
  const finished = fetch(`${url}/slow?ms=1500&extend=400`).then((response) => response.status);
  const endless = fetch(`${url}/slow?ms=15000&extend=400`).then((response) => response.status);
  await app.until('both run', (status) =>
    status.services.some(({ instances }) => instances[0]?.inFlight === 2),
  );
  await app.admin.post('/stop', { target: 'worker' });
  assert.equal(await finished, 200);
  assert.notEqual(await endless, 200);
  await app.until('it has stopped', (status) => workers(status)[0]?.state === 'stopped');
  const tookMs = performance.now() - began;
  assert.ok(tookMs > 3_000 && tookMs < 10_000, `${String(tookMs)} ms`);
});

test('one that grows beyond memoryMax is replaced, the new one ready first, and nothing is lost', async () => {
  using home = makeHome();
  const env = { FOLDER: home.folder, REPLICAS: '1', MEMORY_MAX: String(220 * 2 ** 20) };
  await using app = new Command(home.folder, ['start', rolling], env);
  const [before] = workers(await app.ready());
  const url = await app.url();
  await using load = new Load(4, () => fetch(`${url}/who`));
  // Its connections are there: one that grows says hello to nobody meanwhile.
  await load.more(50);
  const grow = { action: 'worker.grow', input: { megabytes: 250 }, deadlineMs: 30_000 };
  const { output } = await app.admin.post<{ output: { pid: number } }>('/call', grow, { timeoutMs: 35_000 });
  assert.equal(output.pid, before?.pid);
  const end = await rollEnd(app, 0);
  assert.match(end.reason, /1 replaced: worker#1: memory \d+ MiB is over memoryMax 220 MiB/);
  const [after] = workers(await app.until('one is left', (status) => workers(status).length === 1));
  assert.notEqual(after?.pid, before?.pid);
  assert.deepEqual((await load.stop()).failures, []);
});
