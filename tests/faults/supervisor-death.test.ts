/** SIGKILL of the supervisor, at any moment of what it was doing. Under load and mid-start it is in tests/journeys/deaths.test.ts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import type { AppStatus } from '../../src/core/status.ts';
import { fixture, instanceOf, makeHome } from '../journeys/command.ts';
import { Load } from '../journeys/load.ts';
import { Chance, slowTest, times } from '../fuzz/chance.ts';
import { WatchedApp } from './watched-app.ts';

const journey = fixture('journey/tutti.ts');
/** The keeper's patience cannot be made shorter from outside. */
const isLong = process.env['TUTTI_LONG'] === '1';
const rolling = fixture('rolling/tutti.ts');

const readyOf = ({ services }: AppStatus, service: string): number =>
  services.find(({ name }) => name === service)?.ready ?? 0;

slowTest(
  'fault 25: killed at any moment of a restart or a scale, its successor finishes it and no request is lost',
  async (context) => {
    const chance = new Chance();
    context.diagnostic(`TUTTI_SEED=${String(chance.seed)}`);
    using home = makeHome();
    await using app = new WatchedApp(home.folder, journey, { REPLICAS: '2' });
    let { supervisor } = (await app.ready()).pids;
    const url = await app.url();
    const load = new Load(4, () => fetch(`${url}/say/x`));
    const kill = async (): Promise<void> => {
      await pause(chance.below(250));
      process.kill(supervisor, 'SIGKILL');
      const next = await app.until('there is a successor', ({ pids }) => pids.supervisor !== supervisor);
      supervisor = next.pids.supervisor;
    };
    for (let round = 0; round < times(2, 20); round += 1) {
      const before = instanceOf(await app.status(), 'echo#2').epoch;
      await app.admin.post('/restart', { target: 'echo#2' });
      await kill();
      const again = await app.until('it was restarted', (now) => {
        const { epoch, state } = instanceOf(now, 'echo#2');
        return epoch > before && state === 'ready';
      });
      assert.equal(instanceOf(again, 'echo#2').epoch, before + 1, 'once');
      for (const replicas of [3, 2]) {
        await app.admin.post('/scale', { service: 'echo', replicas });
        await kill();
        await app.until(
          'it is scaled',
          (now) =>
            readyOf(now, 'echo') === replicas && now.services.every(({ ready, wanted }) => ready === wanted),
        );
      }
      // A supervisor that lives a second was no quick failure of its keeper's.
      await pause(1_000);
    }
    const { failures } = await load.stop();
    assert.deepEqual(failures, []);
    const last = await app.status();
    for (const slot of ['echo#1', 'relay#1', 'gateway:public#1'])
      assert.equal(instanceOf(last, slot).epoch, 1, slot);
    await app.end();
  },
);

// In large pieces it has soon asked for all that it may have, and asks no more: the successor must be told what was granted by nobody.
for (const [how, extendMs, drainMax] of [
  ['little by little', 200, 3_000],
  ['in large pieces', 5_000, 6_000],
] as const)
  (how === 'little by little' ? slowTest : test)(
    `fault 25: killed while work asks for more time ${how}: its successor grants it, and cuts at drainMax all the same`,
    async () => {
      using home = makeHome();
      const env = { FOLDER: home.folder, REPLICAS: '1', DRAIN_MAX: String(drainMax) };
      await using app = new WatchedApp(home.folder, rolling, env);
      const { pids } = await app.ready();
      const url = await app.url();
      const ask = (ms: number): Promise<number> =>
        fetch(`${url}/slow?ms=${String(ms)}&extend=${String(extendMs)}`).then(({ status }) => status);
      const [finished, endless] = [ask(drainMax - 500), ask(60_000)];
      await app.until('both run', (now) => instanceOf(now, 'worker#1').inFlight === 2);
      await app.admin.post('/stop', { target: 'worker' });
      await app.until('it drains', (now) => instanceOf(now, 'worker#1').state === 'draining');
      process.kill(pids.supervisor, 'SIGSTOP');
      // What is waited for is time itself: more than the drain timeout, and until work has asked for the last of drainMax.
      await pause(1_200);
      process.kill(pids.supervisor, 'SIGKILL');
      await app.until('there is a successor', (now) => now.pids.supervisor !== pids.supervisor);
      assert.equal(await finished, 200);
      assert.notEqual(await endless, 200);
      await app.until('it has stopped', (now) => instanceOf(now, 'worker#1').state === 'stopped');
      const timeOf = (state: string): number =>
        app.eventsOf('worker#1').findLast(({ to }) => to === state)?.time ?? 0;
      const drainedMs = timeOf('stopped') - timeOf('draining');
      assert.ok(drainedMs > drainMax - 200 && drainedMs < drainMax + 2_000, `${String(drainedMs)} ms`);
      await app.end();
    },
  );

// With a shorter patience, and nobody beside it, it is in tests/processes/keeper.
if (isLong)
  test('fault 14: a supervisor that is stopped for longer than the keeper waits for an answer is replaced, and nobody else', async () => {
    using home = makeHome();
    await using app = new WatchedApp(home.folder, journey, { REPLICAS: '2' });
    const before = await app.ready();
    const url = await app.url();
    await using load = new Load(1, () => fetch(`${url}/say/x`));
    process.kill(before.pids.supervisor, 'SIGSTOP');
    await app.hears('The supervisor is replaced: it does not answer', 100_000);
    const isNew = ({ pids, generation }: AppStatus): boolean =>
      generation === 2 && pids.supervisor !== before.pids.supervisor;
    const after = await app.until('there is a successor', isNew);
    await load.more(100);
    assert.deepEqual((await load.stop()).failures, []);
    for (const slot of ['echo#1', 'echo#2', 'relay#1', 'gateway:public#1'])
      assert.deepEqual(instanceOf(after, slot).pid, instanceOf(before, slot).pid, slot);
    await app.end();
  });
