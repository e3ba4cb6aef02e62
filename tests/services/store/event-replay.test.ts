/** Events that a service gets once more, while new ones of the same keys come: with a store and its dispatchers, and instances that answer as they are told. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import type { ReplayView } from '../../../src/core/event-view.ts';
import { fillDurable } from '../../../src/define/durable.ts';
import type { Caller } from '../../../src/mesh/caller.ts';
import { writeKept } from '../../../src/mesh/kept-event.ts';
import type { DeliveredEvent, HowItWent } from '../../../src/mesh/kept-event.ts';
import { RegistryView } from '../../../src/mesh/registry-view.ts';
import type { SystemRuntime } from '../../../src/mesh/runtime.ts';
import { EventDispatchers } from '../../../src/services/store/event-dispatchers.ts';
import { replayEvents } from '../../../src/services/store/event-replay.ts';
import type { ReplayWish } from '../../../src/services/store/event-replay.ts';
import { eventsArea } from '../../../src/stores/event-log/events-area.ts';
import type { EventToKeep, Receiver } from '../../../src/stores/event-log/events-area.ts';
import type { Store } from '../../../src/stores/sqlite/store.ts';
import { setBound, StoreFolder, turns } from '../../stores/store-folder.ts';
import { readDelivered } from './delivered.ts';

interface Payload {
  readonly key: string;
  readonly number: number;
}

class World implements AsyncDisposable {
  readonly folder = new StoreFolder();
  readonly store: Store = this.folder.open([eventsArea]);
  readonly #registry = new RegistryView();
  readonly dispatchers: EventDispatchers;
  /** What was begun, in order. */
  heard: (Payload & { readonly id: string; readonly attempt: number })[] = [];
  answer: (payload: Payload) => Promise<HowItWent> = async () => {
    await turn();
    return null;
  };
  #number = 0;

  constructor(concurrency = 2) {
    const { clock, log } = this.folder;

    const call: Caller['call'] = async (_service, _action, input) => {
      const { kept, id, attempt } = readDelivered(input) as DeliveredEvent;
      const payload = kept.payload as Payload;
      this.heard.push({ ...payload, id, attempt });
      return this.answer(payload);
    };
    const durable = fillDurable({ concurrency });
    const mailer = { name: 'mailer', events: { 'a.b': { durable } } };
    const runtime = {
      ...{ clock, registry: this.#registry, random: Math.random, caller: { call } },
      manifest: () => ({ services: { mailer } }),
      onManifest: () => () => undefined,
    } as unknown as SystemRuntime;
    this.dispatchers = new EventDispatchers({ store: this.store, runtime, log });
  }

  instances(count: number): void {
    const instances = Array.from({ length: count }, (_none, index) => {
      return { service: 'mailer', slot: index + 1, epoch: 1, address: '' };
    });
    this.#registry.replace({ revision: 1, services: { mailer: { instances, events: {} } } });
  }

  /** Each by a change of its own. */
  async keep(...keys: string[]): Promise<void> {
    const kept = keys.map(async (key) => {
      const event = this.#next(key);
      this.dispatchers.kept([event], await this.#store([event]));
    });
    await Promise.all(kept);
  }

  /** The second is told first. */
  async keepSwapped(...keys: [string, string]): Promise<void> {
    const events = keys.map((key) => this.#next(key));
    const seqs = await this.#store(events);
    for (const index of [1, 0])
      this.dispatchers.kept(events.slice(index, index + 1), seqs.slice(index, index + 1));
  }

  #next(key: string): EventToKeep {
    const number = (this.#number += 1);
    const body = writeKept({ key, number }, undefined);
    return { event: 'a.b', id: `id ${String(number)}`, key, priority: 5, body, receivers: ['mailer'] };
  }

  async #store(events: readonly EventToKeep[]): Promise<number[]> {
    return (await this.store.mutate({ area: 'events', name: 'keep', input: { events } })) as number[];
  }

  replay(more: Partial<ReplayWish> = {}, signal = new AbortController().signal): Promise<ReplayView> {
    const { store, dispatchers } = this;
    const needs = { store, dispatchers, log: this.folder.log, by: 'operator:cli#1@1', signal };
    return replayEvents(needs, { receiver: 'mailer', since: 0, ...more });
  }

  get mailer(): Receiver | undefined {
    return (this.store.query({ area: 'events', name: 'receivers' }) as Receiver[])[0];
  }

  async untilDelivered(): Promise<void> {
    const until = performance.now() + 20_000;
    while ((this.mailer?.owed ?? 0) > 0) {
      assert.ok(performance.now() < until, `still owed: ${JSON.stringify(this.mailer)}`);
      await turn();
    }
    await turns(2);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispatchers.stop();
    await this.store.close();
    this.folder[Symbol.dispose]();
  }
}

const keys = ['a', 'b', 'c', 'd', 'e', 'f'];
const inTurn = (count: number): string[] =>
  Array.from({ length: count }, (_none, index) => keys[index % keys.length] ?? 'a');
const numbersOf = (heard: readonly Payload[], key: string): number[] =>
  heard.filter((one) => one.key === key).map(({ number }) => number);
const sorted = (numbers: readonly number[]): number[] => numbers.toSorted((left, right) => left - right);

test('what was kept comes once more, each key in its order, and before what is newer, however much of that comes meanwhile', async (context) => {
  // So many that they are sooner delivered than written.
  await using world = new World(20);
  world.instances(1);
  await world.keep(...inTurn(120));
  await world.untilDelivered();
  world.heard = [];
  // Of some keys these are held in memory when the replay is asked for, which then comes key by key.
  await world.keep(...inTurn(30));
  setBound(context, 'eventPage', 1);
  const under = new Set(world.heard.map(({ number }) => number));
  let replayed: ReplayView | undefined;
  const asked = world.replay().then((answer) => (replayed = answer));
  while (replayed === undefined) {
    await world.keep(...inTurn(6));
    await turn();
  }
  await asked;
  await world.untilDelivered();
  assert.deepEqual([replayed.count >= 120, replayed.events, world.mailer?.owed], [true, ['a.b'], 0]);
  for (const key of keys) {
    const numbers = numbersOf(world.heard, key).filter((number) => !under.has(number));
    assert.deepEqual(numbers, sorted(numbers), key);
  }
  const counts = new Map<string, number>();
  for (const { id } of world.heard) counts.set(id, (counts.get(id) ?? 0) + 1);
  for (let number = 1; number <= 120; number += 1) assert.equal(counts.get(`id ${String(number)}`), 1);
  assert.ok(world.folder.said.includes('info Kept events are delivered once more'));
});

test('one that is under way and fails comes behind the older ones that are replayed', async () => {
  await using world = new World();
  world.instances(1);
  await world.keep('a', 'b');
  await world.untilDelivered();
  const { promise, resolve } = Promise.withResolvers<HowItWent>();
  world.answer = ({ number }) => {
    const isFirst = numbersOf(world.heard, 'a').filter((one) => one === 3).length === 1;
    return number === 3 && isFirst ? promise : Promise.resolve(null);
  };
  world.heard = [];
  await world.keep('a');
  await turns(2);
  await world.replay();
  resolve({ failed: 'Error: no', isUnfit: false });
  await turns(10);
  world.folder.clock.advance(60_000);
  await world.untilDelivered();
  assert.deepEqual(numbersOf(world.heard, 'a'), [3, 1, 3]);
});

test('one whose delivery ends in the commit that replays it comes once more', async () => {
  await using world = new World();
  world.instances(1);
  const { promise, resolve } = Promise.withResolvers<HowItWent>();
  world.answer = () => promise;
  await world.keep('a');
  await turns(3);
  resolve(null);
  // As long as it takes to ask for the end to be written down, and no longer.
  for (let count = 0; count < 30; count += 1) await Promise.resolve();
  await new Promise<void>((done) => {
    process.nextTick(done);
  });
  const { count } = await world.replay();
  await world.untilDelivered();
  assert.deepEqual([count, numbersOf(world.heard, 'a'), world.mailer?.owed], [1, [1, 1], 0]);
});

test('a service that is away gets it when it comes; asked for again nothing is doubled', async () => {
  await using world = new World();
  world.instances(1);
  await world.keep(...inTurn(300));
  await world.untilDelivered();
  world.instances(0);
  const since = world.store.now();
  world.folder.clock.advance(1_000);
  world.heard = [];
  const { count, until } = await world.replay({ since, until: since });
  assert.deepEqual([count, until, world.heard], [300, since, []]);
  const again = await world.replay();
  assert.deepEqual([again.count, again.owed], [0, 300]);
  world.instances(1);
  await world.untilDelivered();
  assert.equal(world.heard.length, 300);
  assert.equal((await world.replay({ since: since + 1 })).count, 0);
});

test('a service with as much to come as it may have is given no more, and how to go on is said', async (context) => {
  await using world = new World();
  world.instances(1);
  for (let count = 0; count < 5; count += 1) {
    await world.keep('a');
    world.folder.clock.advance(1_000);
  }
  await world.untilDelivered();
  world.instances(0);
  world.heard = [];
  setBound(context, 'owedEvents', 3);
  const third = new Date(world.folder.clock.wall() - 3_000).toISOString();
  await assert.rejects(world.replay(), {
    code: 'OVERLOADED',
    message: `mailer has as many events to come as a service may have: 3 were replayed, the last one of ${third}`,
  });
  world.instances(1);
  await world.untilDelivered();
  await world.replay({ since: Date.parse(third) });
  await world.untilDelivered();
  assert.deepEqual(numbersOf(world.heard, 'a'), [1, 2, 3, 3, 4, 5]);
});

test('a wish that cannot be is refused, and holds nobody up', async () => {
  await using world = new World();
  await assert.rejects(world.replay({ receiver: 'mailr' }), { code: 'NOT_FOUND' });
  await assert.rejects(world.replay({ event: 'c.d' }), { code: 'NOT_FOUND' });
  await assert.rejects(world.replay({ since: 2, until: 1 }), { code: 'INVALID_INPUT' });
  world.instances(1);
  await world.keep('a');
  await world.replay({}, AbortSignal.abort());
  await world.untilDelivered();
});

test('what is told in another order than it was kept is delivered all the same', async () => {
  await using world = new World();
  world.instances(1);
  await world.keep('a');
  await world.untilDelivered();
  await world.keepSwapped('b', 'c');
  await world.untilDelivered();
  assert.deepEqual(
    world.heard.map(({ key }) => key),
    ['a', 'b', 'c'],
  );
});
