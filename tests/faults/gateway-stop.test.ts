/** One of two gateways on one port is told to stop while clients go on: every request is counted, and none may be lost. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import type { InstanceStatus } from '../../src/core/status.ts';
import { fixture, instanceOf, makeHome } from '../journeys/command.ts';
import { Chance, slowTest, times } from '../fuzz/chance.ts';
import { CountingClients } from './counting-clients.ts';
import type { Ask, Lost } from './counting-clients.ts';
import { WatchedApp } from './watched-app.ts';

const edge = fixture('edge/tutti.ts');
const busy: Ask = { path: '/say/x' };

/** Nobody in this process reads or writes meanwhile. */
function holdUp(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}

/** How the first of them are seen: the rest is as they. */
const told = (lost: readonly Lost[]): string =>
  lost
    .slice(0, 5)
    .map((one) => JSON.stringify(one))
    .join('\n');

interface Stops {
  readonly rounds: number;
  readonly ask: (client: number, chance: Chance) => Ask;
  /** In place of a plain SIGTERM. */
  readonly signal?: (pid: number) => void;
}

const sigterm = (pid: number): void => {
  process.kill(pid, 'SIGTERM');
};

class World {
  readonly app: WatchedApp;
  readonly #say: (line: string) => void;
  readonly #chance = new Chance();

  constructor(app: WatchedApp, say: (line: string) => void) {
    this.app = app;
    this.#say = say;
    say(`TUTTI_SEED=${String(this.#chance.seed)}`);
  }

  async run({ rounds, ask, signal = sigterm }: Stops): Promise<void> {
    await this.app.ready();
    const port = Number(new URL(await this.app.url()).port);
    await using clients = new CountingClients({
      port,
      clients: 50,
      ask: (client) => ask(client, this.#chance),
    });
    let meanwhile = 0;
    for (let round = 0; round < rounds; round += 1) {
      await clients.more(300);
      await pause(this.#chance.below(50));
      const slot = `gateway:public#${String(1 + (round % 2))}`;
      const { pid, epoch } = instanceOf(await this.app.status(), slot);
      signal(pid ?? 0);
      meanwhile += await this.#away({ slot, epoch }, clients);
      assert.equal(told(clients.lost), '', `round ${String(round)}: ${String(clients.lost.length)} lost`);
    }
    await clients.more(300);
    await clients.stop();
    const { answered, lost, connections, toldToClose } = clients;
    this.#say(
      `${String(rounds)} stops, ${String(answered)} answered, ${String(lost.length)} lost, ${String(connections)} connections, ${String(toldToClose)} told to close, ${String(meanwhile)} answered while one was away`,
    );
    assert.equal(told(lost), '');
    assert.ok(toldToClose > 0, 'no kept connection was told that it ends');
    assert.ok(meanwhile > 0, 'the other gateway answered nobody');
    const ends = this.app.events().filter(({ reason }) => reason.includes('exited with code '));
    assert.ok(ends.length >= rounds);
    for (const { reason, instance } of ends) assert.match(reason, /code 0\b/, `${instance} ended in order`);
    await this.app.end();
  }

  /** Gives how many were answered between the end of its process and the next. */
  async #away(
    { slot, epoch }: { readonly slot: string; readonly epoch: number },
    clients: CountingClients,
  ): Promise<number> {
    const isNext = (one: InstanceStatus): boolean => one.epoch > epoch;
    await this.app.until(
      'its process ended',
      (now) => isNext(instanceOf(now, slot)) || instanceOf(now, slot).state !== 'ready',
      30_000,
    );
    const before = clients.answered;
    await this.app.until(
      'the next is there',
      (now) => isNext(instanceOf(now, slot)) && instanceOf(now, slot).state === 'ready',
      30_000,
    );
    return clients.answered - before;
  }
}

test('a gateway that is stopped under load loses no request: busy clients, new connections, slow answers, clients that think', async (context) => {
  using home = makeHome();
  await using app = new WatchedApp(home.folder, edge, { GATEWAYS: '2' });
  const world = new World(app, (line) => {
    context.diagnostic(line);
  });
  await world.run({
    rounds: times(4, 100),
    ask: (client, chance) => {
      if (client < 20) return busy;
      if (client < 30) return { ...busy, isKept: false };
      if (client < 40) return { path: `/say/x?waitMs=${String(chance.below(400))}` };
      return { ...busy, thinkMs: chance.below(600) };
    },
  });
});

slowTest(
  'a gateway that is stopped while its clients are held up answers what they send when they go on',
  async (context) => {
    using home = makeHome();
    await using app = new WatchedApp(home.folder, edge, { GATEWAYS: '2' });
    const world = new World(app, (line) => {
      context.diagnostic(line);
    });
    await world.run({
      rounds: times(2, 40),
      ask: () => busy,
      signal: (pid) => {
        // All answers have come before the signal, and none is read: to the gateway every connection is idle.
        holdUp(150);
        process.kill(pid, 'SIGTERM');
        holdUp(700);
      },
    });
  },
);
