import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { AppStatus } from '../../src/core/status.ts';
import { allPids, Command, fixture, instanceOf, makeHome, pidOf } from '../journeys/command.ts';
import { livesStill, untilGone } from '../journeys/processes.ts';
import { slowTest } from '../fuzz/chance.ts';

const journey = fixture('journey/tutti.ts');
const faults = fixture('faults/tutti.ts');

/** SIGKILL to the supervisor; gives the status that its successor tells. */
async function replaceSupervisor(app: Command, before: AppStatus): Promise<AppStatus> {
  process.kill(before.pids.supervisor, 'SIGKILL');
  return app.until('there is a successor', ({ pids }) => pids.supervisor !== before.pids.supervisor);
}

const stateOf = (status: AppStatus, slot: string): string => instanceOf(status, slot).state;

test('a successor revives nobody: not who was given up, not one instance that was stopped by hand', async () => {
  using home = makeHome();
  await using app = new Command(home.folder, ['start', faults], { LOOPS: '1', LOOPS_MAX: '1' });
  await app.until('it is given up', (now) => stateOf(now, 'loops#1') === 'failed');
  await app.admin.post('/scale', { service: 'talker', replicas: 2 });
  await app.until('two are ready', (now) =>
    now.services.some(({ name, ready }) => name === 'talker' && ready === 2),
  );
  await app.admin.post('/stop', { target: 'talker#2' });
  const before = await app.until('it is stopped', (now) => stateOf(now, 'talker#2') === 'stopped');
  const after = await replaceSupervisor(app, before);
  await app.hears('The supervisor was replaced');
  assert.equal(stateOf(after, 'loops#1'), 'failed');
  assert.equal(stateOf(after, 'talker#2'), 'stopped');
  assert.equal(instanceOf(await app.status(), 'loops#1').epoch, instanceOf(before, 'loops#1').epoch);
  await app.admin.post('/start', { target: 'talker#2' });
  await app.until('it is ready', (now) => stateOf(now, 'talker#2') === 'ready');
});

slowTest('a slot that goes and comes again counts its epochs on, over a successor too', async () => {
  using home = makeHome();
  await using app = new Command(home.folder, ['start', journey], { REPLICAS: '2' });
  await app.ready();
  await app.admin.post('/restart', { target: 'echo#2' });
  await app.until('it is new', (now) => {
    const { epoch, state } = instanceOf(now, 'echo#2');
    return epoch === 2 && state === 'ready';
  });
  const scale = async (replicas: number): Promise<AppStatus> => {
    await app.admin.post('/scale', { service: 'echo', replicas });
    return app.until('it is so', ({ services }) =>
      services.some(
        ({ name, ready, instances }) =>
          name === 'echo' && ready === replicas && instances.length === replicas,
      ),
    );
  };
  await scale(1);
  assert.equal(instanceOf(await scale(2), 'echo#2').epoch, 3);
  await replaceSupervisor(app, await scale(1));
  assert.equal(instanceOf(await scale(2), 'echo#2').epoch, 4);
  const url = await app.url();
  const pids = new Set<number>();
  for (let n = 0; n < 100 && pids.size < 2; n += 1) {
    const response = await fetch(`${url}/say/x`);
    assert.equal(response.status, 200);
    pids.add(((await response.json()) as { pid: number }).pid);
  }
  assert.equal(pids.size, 2, 'peers take the newcomer');
});

test('a check that recovers while the supervisor is away is heard by its successor', async () => {
  using home = makeHome();
  await using app = new Command(home.folder, ['start', faults]);
  const first = await app.ready();
  const talker = pidOf(first, 'talker#1');
  process.kill(talker, 'SIGUSR2');
  await app.until('it is unready', (now) => stateOf(now, 'talker#1') === 'unready');
  process.kill(first.pids.supervisor, 'SIGSTOP');
  process.kill(talker, 'SIGUSR2');
  // Nobody reads the spool meanwhile; there it says that its check was asked.
  while (!readFileSync(join(home.folder, '.tutti/spool/talker.1.out'), 'utf8').includes('fit again'))
    await new Promise((done) => setTimeout(done, 10));
  process.kill(first.pids.supervisor, 'SIGKILL');
  const after = await app.until('it is ready again', (now) => stateOf(now, 'talker#1') === 'ready');
  assert.equal(pidOf(after, 'talker#1'), talker);
});

test('fault 25: SIGKILL of the supervisor before it has started anything: its successor starts the app', async () => {
  using home = makeHome();
  await using app = new Command(home.folder, ['start', journey]);
  for (let round = 0; round < 3; round += 1) {
    const [supervisor] = await childrenOf(app.pid);
    process.kill(supervisor ?? 0, 'SIGKILL');
    await untilGone([supervisor ?? 0]);
  }
  await app.ready();
  assert.equal((await fetch(`${await app.url()}/say/x`)).status, 200);
});

async function childrenOf(pid: number): Promise<number[]> {
  for (;;) {
    const found = readFileSync(`/proc/${String(pid)}/task/${String(pid)}/children`, 'utf8').trim();
    if (found !== '') return found.split(' ').map(Number);
    await new Promise((done) => setTimeout(done, 5));
  }
}

test('fault 20: stop, start and restart in every state, again and again, end as the last one says', async () => {
  using home = makeHome();
  await using app = new Command(home.folder, ['start', faults], { LOOPS: '1' });
  await app.until('it loops', (now) => stateOf(now, 'loops#1') === 'backoff');
  for (let round = 0; round < 60; round += 1) {
    const op = ['/stop', '/start', '/restart'][round % 3] ?? '';
    await app.admin.post(op, { target: ['loops', 'talker', 'loops#1'][((round * 7) % 5) % 3] });
    if (round % 4 === 0) await new Promise((done) => setTimeout(done, (round * 13) % 90));
  }
  for (const target of ['loops', 'talker']) await app.admin.post('/stop', { target });
  const stopped = await app.until(
    'both are stopped',
    (now) => stateOf(now, 'loops#1') === 'stopped' && stateOf(now, 'talker#1') === 'stopped',
  );
  const later = await app.until('a while has passed', ({ takenAt }) => takenAt > stopped.takenAt + 700);
  for (const slot of ['loops#1', 'talker#1']) {
    assert.equal(stateOf(later, slot), 'stopped');
    assert.equal(instanceOf(later, slot).epoch, instanceOf(stopped, slot).epoch);
  }
  await app.admin.post('/start', { target: 'talker' });
  await app.until('it is ready', (now) => stateOf(now, 'talker#1') === 'ready');
  app.child.kill('SIGTERM');
  assert.equal(await app.exited, 0);
  assert.deepEqual(allPids(later).filter(livesStill), []);
});

test('fault 3, 38: a service that ends at once for ever is slowed, shown with its last lines, and costs the supervisor nothing', async () => {
  using home = makeHome();
  await using app = new Command(home.folder, ['start', faults], { LOOPS: '1' });
  const count = (epoch: number): Promise<AppStatus> =>
    app.until(`${String(epoch)} starts`, (now) => instanceOf(now, 'loops#1').epoch >= epoch, 60_000);
  await app.hears('Instance ends again and again');
  const line = app.said.split('\n').find((text) => text.includes('Instance ends again and again')) ?? '{}';
  const { fields } = JSON.parse(line) as { fields: { lastLines: string[] } };
  assert.deepEqual(fields.lastLines, ['no reason at all']);
  const { pids } = await count(8);
  const descriptors = (): number => readdirSync(`/proc/${String(pids.supervisor)}/fd`).length;
  const before = descriptors();
  const after = await count(20);
  assert.ok(instanceOf(after, 'loops#1').crashLoop);
  assert.ok(descriptors() <= before + 2, `${String(descriptors())} of ${String(before)}`);
  assert.equal((await fetch(`${await app.url()}/hello`)).status, 200);
});
