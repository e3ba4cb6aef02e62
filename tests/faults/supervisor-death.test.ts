/** SIGKILL of the supervisor, at any moment of what it was doing. Under load and mid-start it is in tests/journeys/deaths.test.ts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import type { AppStatus } from '../../src/core/status.ts';
import { fixture, instanceOf, makeHome } from '../journeys/command.ts';
import { Load } from '../journeys/load.ts';
import { Chance, times } from '../fuzz/chance.ts';
import { WatchedApp } from './watched-app.ts';

const journey = fixture('journey/tutti.ts');

const readyOf = ({ services }: AppStatus, service: string): number =>
  services.find(({ name }) => name === service)?.ready ?? 0;

test('fault 25: killed at any moment of a restart or a scale, its successor finishes it and no request is lost', async (context) => {
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
});
