/** A whole app whose store is in an engine of its own, which dies under load and comes back with what it has on its disk. No test of its own. */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import type { AppStatus } from '../../src/core/status.ts';
import type { EngineServer } from '../stores/change-log/engine-servers.ts';
import type { Ran, Works } from './works.ts';

const clients = 8;
/** Acknowledged before each death, and after the last. */
const fewest = 100;

/** Those who add until they are told to end; what was acknowledged is in `acknowledged`. */
class Producers {
  readonly acknowledged: number[] = [];
  readonly #clients: readonly Promise<void>[];
  #number = 0;
  #isOver = false;

  constructor(app: Works) {
    this.#clients = Array.from({ length: clients }, () => this.#add(app));
  }

  async until(count: number): Promise<void> {
    const until = performance.now() + 20_000;
    while (this.acknowledged.length < count) {
      assert.ok(performance.now() < until, `${String(this.acknowledged.length)} are acknowledged`);
      await pause(5);
    }
  }

  async end(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#clients);
  }

  async #add(app: Works): Promise<void> {
    while (!this.#isOver) {
      const mine = (this.#number += 1);
      try {
        await app.add({ number: mine, ms: 5 }, {}, { queue: 'hardy', deadlineMs: 8_000 });
        this.acknowledged.push(mine);
      } catch {
        // Refused, or nobody knows.
      }
    }
  }
}

const numbersOf = (ran: readonly Ran[], what: Ran['what']): number[] =>
  ran.filter((one) => one.what === what).map(({ number }) => number);

const processes = ({ pids, services }: AppStatus): unknown => [
  pids,
  services.flatMap(({ instances }) => instances.map(({ slot, pid }) => [slot, pid])),
];

/** Twice: SIGKILL, and a start on the same data and port. */
export async function restartUnder(server: EngineServer, app: Works, context: TestContext): Promise<void> {
  const before = processes(await app.ready());
  const producers = new Producers(app);
  const back: number[] = [];
  for (let death = 0; death < 2; death += 1) {
    await producers.until(producers.acknowledged.length + fewest);
    await server.stop('SIGKILL');
    const seen = app.ran().length;
    await server.start();
    const at = performance.now();
    await app.untilRan('a job is begun by itself', (ran) =>
      ran.slice(seen).find(({ what }) => what === 'begun'),
    );
    back.push(Math.round(performance.now() - at));
  }
  await producers.until(producers.acknowledged.length + fewest);
  await producers.end();
  const { failed } = await app.untilIdle('hardy');
  const ran = app.ran();
  const done = numbersOf(ran, 'done');
  const lost = producers.acknowledged.filter((one) => !done.includes(one));
  const begun = numbersOf(ran, 'begun');
  context.diagnostic(
    `${String(producers.acknowledged.length)} acknowledged, ${String(lost.length)} lost, ${String(begun.length - new Set(begun).size)} begun twice; ` +
      `work goes on ${back.join(', ')} ms after the engine was back`,
  );
  assert.deepEqual([lost, failed], [[], 0]);
  assert.equal(new Set(begun).size, begun.length, 'none is begun again, least of all one that is done');
  assert.deepEqual(processes(await app.status()), before, 'nobody had to be restarted for it');
}
