/** R3: the supervisor is killed while instances come and go; afterwards each instance reaches all who are there, and nobody who is gone. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import type { AppStatus } from '../../src/core/status.ts';
import { Chance, times } from '../fuzz/chance.ts';
import { fixture, makeHome } from '../journeys/command.ts';
import { Load } from '../journeys/load.ts';
import { WatchedApp } from './watched-app.ts';

/** Ready, and of them there are no others. */
const pidsOf = ({ services }: AppStatus, service: string): number[] =>
  services.find(({ name }) => name === service)?.instances.flatMap(({ pid }) => pid ?? []) ?? [];

const isSettledAt =
  (replicas: number) =>
  ({ services }: AppStatus): boolean =>
    services.every(({ name, ready, wanted, instances }) => {
      const count = name === 'echo' ? replicas : wanted;
      return ready === count && instances.filter(({ pid }) => pid !== null).length === count;
    });

interface Reach {
  readonly asker: number;
  readonly reached: readonly number[];
}

/** Until each of them has reached all who are there. One that is new, or was slow once, is asked less at first. */
async function untilAllReach(
  url: string,
  askers: readonly number[],
  there: readonly number[],
): Promise<void> {
  const missing = new Map(askers.map((pid) => [pid, new Set(there)]));
  const until = performance.now() + 30_000;
  while ([...missing.values()].some(({ size }) => size > 0)) {
    const left = JSON.stringify([...missing].map(([pid, pids]) => [pid, [...pids]]));
    assert.ok(performance.now() < until, `not reached: ${left} of ${String(there)}`);
    const response = await fetch(`${url}/reach/50`);
    assert.equal(response.status, 200);
    const { asker, reached } = (await response.json()) as Reach;
    assert.ok(missing.has(asker), 'those who ask are who they were');
    for (const pid of reached) {
      assert.ok(there.includes(pid), `${String(asker)} has reached ${String(pid)}, of ${String(there)}`);
      missing.get(asker)?.delete(pid);
    }
  }
}

/** The gateway itself asks, and likewise. */
async function untilGatewayReaches(url: string, there: readonly number[]): Promise<void> {
  const missing = new Set(there);
  const until = performance.now() + 30_000;
  while (missing.size > 0) {
    assert.ok(performance.now() < until, `not reached: ${String([...missing])}`);
    const { pid } = (await (await fetch(`${url}/say/x`)).json()) as { pid: number };
    assert.ok(there.includes(pid), `the gateway has reached ${String(pid)}, of ${String(there)}`);
    missing.delete(pid);
  }
}

test('R3 the supervisor is killed while a service is scaled up and down: each instance knows who is there at the end, and no request is lost', async (context) => {
  const chance = new Chance();
  context.diagnostic(`TUTTI_SEED=${String(chance.seed)}`);
  using home = makeHome();
  await using app = new WatchedApp(home.folder, fixture('watching/tutti.ts'));
  const first = await app.ready(60_000);
  let { supervisor } = first.pids;
  const url = await app.url();
  const askers = pidsOf(first, 'asker');
  await using load = new Load(2, () => fetch(`${url}/reach/2`));
  for (let round = 0; round < times(1, 10); round += 1) {
    for (const replicas of [4, 1, 3]) {
      await app.admin.post('/scale', { service: 'echo', replicas });
      await pause(chance.below(400));
      process.kill(supervisor, 'SIGKILL');
      const dead = supervisor;
      const next = await app.until('a successor', ({ pids }) => pids.supervisor !== dead, 60_000);
      supervisor = next.pids.supervisor;
      const settled = await app.until('it is scaled', isSettledAt(replicas), 60_000);
      const there = pidsOf(settled, 'echo');
      await untilAllReach(url, askers, there);
      await untilGatewayReaches(url, there);
    }
  }
  const { asked, failures } = await load.stop();
  context.diagnostic(`${String(asked)} requests, ${String(failures.length)} failed`);
  assert.deepEqual(failures, []);
  await app.end();
});
