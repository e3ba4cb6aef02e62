import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bounds } from '../../../src/core/bounds.ts';
import { TuttiError } from '../../../src/core/errors.ts';
import type { ErrorCode } from '../../../src/core/errors.ts';
import { durablePolicy, fillDurable } from '../../../src/define/durable.ts';
import type { Caller } from '../../../src/mesh/caller.ts';
import { writeKept } from '../../../src/mesh/kept-event.ts';
import type { DeliveredEvent, HowItWent } from '../../../src/mesh/kept-event.ts';
import { RegistryView } from '../../../src/mesh/registry-view.ts';
import { EventDispatcher } from '../../../src/services/store/event-dispatcher.ts';
import { eventsArea } from '../../../src/stores/event-log/events-area.ts';
import type { EventToKeep, Receiver } from '../../../src/stores/event-log/events-area.ts';
import type { OwedPage } from '../../../src/stores/event-log/event-owed.ts';
import type { Store } from '../../../src/stores/sqlite/store.ts';
import { setBound, StoreFolder, turns } from '../../stores/store-folder.ts';
import { readDelivered } from './delivered.ts';

type Answer = HowItWent | Error;

/** A store, and instances that answer as they are told. */
class World implements AsyncDisposable {
  readonly folder = new StoreFolder();
  readonly store: Store = this.folder.open([eventsArea]);
  readonly registry = new RegistryView();
  readonly called: (DeliveredEvent & { readonly deadlineMs: number | undefined })[] = [];
  answer: (delivered: DeliveredEvent) => Promise<Answer> = () => Promise.resolve(null);
  concurrency = 10;
  #revision = 0;
  #events = 0;
  readonly dispatcher: EventDispatcher;

  constructor() {
    // eslint-disable-next-line max-params -- as `Caller.call`
    const call: Caller['call'] = async (_service, _action, input, options) => {
      const delivered = readDelivered(input) as DeliveredEvent;
      this.called.push({ ...delivered, deadlineMs: options?.deadlineMs });
      const answer = await this.answer(delivered);
      if (answer instanceof Error) throw answer;
      return answer;
    };
    const policy = durablePolicy(fillDurable({ attempts: 3, timeoutMs: 777, backoff: { jitterPercent: 0 } }));
    this.dispatcher = new EventDispatcher({
      ...{ receiver: 'mailer', store: this.store, registry: this.registry, random: Math.random },
      caller: { call } as Caller,
      clock: this.folder.clock,
      log: this.folder.log,
      concurrency: () => this.concurrency,
      policy: () => policy,
    });
  }

  instances(count: number): void {
    const instances = Array.from({ length: count }, (_none, index) => {
      return { service: 'mailer', slot: index + 1, epoch: 1, address: '' };
    });
    const services = { mailer: { instances, events: {} } };
    this.registry.replace({ revision: (this.#revision += 1), services });
    this.dispatcher.wake();
  }

  async keep(key: string | null, priority = 5): Promise<void> {
    await this.store.mutate({ area: 'events', name: 'keep', input: { events: [this.next(key, priority)] } });
    this.dispatcher.wake();
    await turns(5);
  }

  /** All at once, and told to the dispatcher as they are. */
  async keepAndTell(...keys: string[]): Promise<void> {
    const events = keys.map((key) => this.next(key));
    const kept = this.store.mutate({ area: 'events', name: 'keep', input: { events } });
    const seqs = (await kept) as number[];
    this.dispatcher.kept(
      events.map((event, index) => ({ ...event, seq: Number(seqs[index]), attempts: 0, waitMs: 0 })),
    );
    await turns(5);
  }

  next(key: string | null, priority = 5, payload: unknown = (this.#events += 1)): EventToKeep {
    const body = writeKept(payload, undefined);
    return { event: 'a.b', id: String(this.#events), key, priority, body, receivers: ['mailer'] };
  }

  numbers(): unknown[] {
    return this.called.map(({ kept }) => kept.payload);
  }

  get mailer(): Receiver | undefined {
    return (this.store.query({ area: 'events', name: 'receivers' }) as Receiver[])[0];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispatcher.stop();
    await this.store.close();
    this.folder[Symbol.dispose]();
  }
}

const failed = { failed: 'Error: no', isUnfit: false };

test('with nobody there nothing is asked and nothing is waited for; who comes gets what is owed', async () => {
  await using world = new World();
  const quiet = world.folder.clock.pending;
  await world.keep('a');
  await world.keep(null);
  assert.deepEqual([world.called, world.folder.clock.pending], [[], quiet]);
  world.instances(1);
  await turns(10);
  assert.deepEqual(world.numbers(), [1, 2]);
  assert.deepEqual(world.mailer, { receiver: 'mailer', owed: 0, dead: 0 });
  assert.equal(world.called[0]?.deadlineMs, 777);
});

test('no more are under way than its instances take', async () => {
  await using world = new World();
  const ends: (() => void)[] = [];
  world.answer = () =>
    new Promise((end) =>
      ends.push(() => {
        end(null);
      }),
    );
  world.concurrency = 2;
  world.instances(2);
  for (let count = 0; count < 7; count += 1) await world.keep(null);
  assert.equal(world.called.length, 4);
  while (ends.length > 0) {
    ends.shift()?.();
    await turns(10);
  }
  assert.deepEqual(world.numbers(), [1, 2, 3, 4, 5, 6, 7]);
});

test('what failed comes again after longer and longer, and is given up with its reason', async () => {
  await using world = new World();
  world.answer = () => Promise.resolve(failed);
  world.instances(1);
  await world.keep('a');
  const { clock } = world.folder;
  for (const [waitMs, calls] of [
    [999, 1],
    [1, 2],
    [1_999, 2],
    [1, 3],
  ] as const) {
    clock.advance(waitMs);
    await turns(10);
    assert.equal(world.called.length, calls, `${String(waitMs)} ms more`);
  }
  assert.deepEqual(world.mailer, { receiver: 'mailer', owed: 0, dead: 1 });
  assert.deepEqual(
    world.called.map(({ attempt }) => attempt),
    [1, 2, 3],
  );
  world.answer = () => Promise.resolve(null);
  await world.store.mutate({ area: 'events', name: 'redrive', input: { receiver: 'mailer' } });
  world.dispatcher.anew();
  await turns(10);
  assert.deepEqual(world.mailer, { receiver: 'mailer', owed: 0, dead: 0 });
});

for (const code of ['NO_INSTANCE', 'OVERLOADED', 'STOPPING', 'UNKNOWN_ACTION', 'FORBIDDEN'] as ErrorCode[])
  test(`${code} is no attempt: it is asked again, as often as it takes`, async () => {
    await using world = new World();
    world.answer = () => Promise.resolve(new TuttiError(code));
    world.instances(1);
    await world.keep('a');
    for (let count = 0; count < 10; count += 1) {
      world.folder.clock.advance(1_000);
      await turns(5);
    }
    world.answer = () => Promise.resolve(null);
    world.folder.clock.advance(1_000);
    await turns(10);
    assert.ok(world.called.length >= 11);
    assert.deepEqual([world.called.at(-1)?.attempt, world.mailer?.owed], [1, 0]);
  });

test('a death in the middle is an attempt, and what does not fit is none more', async () => {
  await using world = new World();
  const answers: Answer[] = [
    new TuttiError('INSTANCE_LOST'),
    null,
    { failed: 'INVALID_INPUT: no', isUnfit: true },
  ];
  world.answer = () => Promise.resolve(answers.shift() ?? null);
  world.instances(1);
  await world.keep('a');
  world.folder.clock.advance(1_000);
  await turns(10);
  await world.keep('a');
  assert.deepEqual(
    world.called.map(({ attempt }) => attempt),
    [1, 2, 1],
  );
  assert.deepEqual(world.mailer, { receiver: 'mailer', owed: 0, dead: 1 });
});

test('more than are held wait in the store, each key in its order', async () => {
  await using world = new World();
  const keys = ['a', 'b', null];
  const kept = Array.from({ length: 1_500 }, (_none, index) => world.keep(keys[index % keys.length] ?? null));
  await Promise.all(kept);
  world.instances(1);
  while ((world.mailer?.owed ?? 0) > 0) await turns(1);
  assert.equal(new Set(world.numbers()).size, 1_500);
  for (const [at, key] of keys.entries()) {
    if (key === null) continue;
    const numbers = world.numbers().filter((number) => (Number(number) - 1) % keys.length === at) as number[];
    assert.deepEqual(
      numbers,
      numbers.toSorted((left, right) => left - right),
    );
  }
});

test('a stop waits for what is under way, and begins nothing', async () => {
  await using world = new World();
  let end = (): void => undefined;
  world.answer = () =>
    new Promise((resolve) => {
      end = () => {
        resolve(null);
      };
    });
  world.concurrency = 1;
  world.instances(1);
  await world.keep(null);
  await world.keep(null);
  const stopped = world.dispatcher.stop();
  end();
  await stopped;
  assert.deepEqual([world.called.length, world.mailer?.owed], [1, 1]);
});

test('what was kept just now is delivered without being read, unless there is more than can be held', async (context) => {
  await using world = new World();
  world.instances(1);
  // There may be some from before.
  await world.keepAndTell('a');
  const query = context.mock.method(world.store, 'query');
  await world.keepAndTell('a', 'a', 'b');
  assert.deepEqual([world.numbers(), world.mailer?.owed], [[1, 2, 4, 3], 0]);
  const read = (): number =>
    query.mock.calls
      .filter(({ arguments: [ask] }) => ask.name === 'owed')
      .reduce((sum, { result }) => sum + (result as OwedPage).events.length, 0);
  assert.equal(read(), 0);
  world.concurrency = 0;
  const keys = Array.from({ length: 1_100 }, (_none, index) => String(index));
  await world.keepAndTell(...keys);
  world.concurrency = 100;
  world.dispatcher.wake();
  while ((world.mailer?.owed ?? 0) > 0) await turns(1);
  assert.deepEqual([new Set(world.numbers()).size, world.called.length], [1_104, 1_104]);
  assert.equal(read(), 1_100 - bounds.heldEvents);
});

test('who keeps up is told how far may be looked ahead, and reads nothing however much is kept', async (context) => {
  setBound(context, 'eventsAhead', 3);
  await using world = new World();
  world.instances(1);
  await world.keepAndTell('a');
  const query = context.mock.method(world.store, 'query');
  for (let count = 0; count < 10; count += 1) await world.keepAndTell('a', 'b');
  assert.equal(query.mock.callCount(), 0);
  assert.deepEqual([world.called.length, world.mailer?.owed], [21, 0]);
});

test('what ends in one turn is written down by one change, which needs no sync of its own', async (context) => {
  await using world = new World();
  const { promise, resolve } = Promise.withResolvers<Answer>();
  world.answer = () => promise;
  world.instances(1);
  await world.keepAndTell('a', 'b', 'c', 'd');
  const before = world.store.stats();
  const ending = context.mock.method(world.store, 'mutateLate');
  resolve(null);
  await turns(3);
  const after = world.store.stats();
  assert.deepEqual([after.mutations - before.mutations, after.commits - before.commits], [1, 1]);
  assert.deepEqual(
    ending.mock.calls.map(({ arguments: [{ isPatient }] }) => isPatient),
    [true],
  );
  assert.equal(world.mailer?.owed, 0);
});

test('a key that waits holds up no other, however many there are behind it', async (context) => {
  setBound(context, 'eventsAhead', 3);
  await using world = new World();
  world.answer = ({ kept }) => Promise.resolve(Number(kept.payload) <= 10 ? failed : null);
  world.instances(1);
  await world.keepAndTell(...Array.from({ length: 10 }, () => 'stuck'), 'b');
  await turns(30);
  assert.deepEqual(world.numbers(), [1, 11]);
  world.answer = () => Promise.resolve(null);
  world.folder.clock.advance(1_000);
  await turns(100);
  assert.deepEqual(world.numbers(), [1, 11, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  assert.deepEqual(world.mailer, { receiver: 'mailer', owed: 0, dead: 0 });
});

test('one that is too large to be held is read when it is delivered, as often as that takes', async (context) => {
  setBound(context, 'heldEventChars', 100);
  await using world = new World();
  const text = 'x'.repeat(200);
  const answers: Answer[] = [failed, null];
  world.answer = () => Promise.resolve(answers.shift() ?? null);
  world.instances(1);
  const input = { events: [world.next('a', 5, text)] };
  await world.store.mutate({ area: 'events', name: 'keep', input });
  world.dispatcher.wake();
  await turns(5);
  world.folder.clock.advance(1_000);
  await turns(5);
  assert.deepEqual([world.numbers(), world.mailer?.owed], [[text, text], 0]);
});

test('what was delivered is not delivered once more because it is told again', async () => {
  await using world = new World();
  world.instances(1);
  await world.keepAndTell('a');
  world.dispatcher.kept([{ ...world.next('b'), seq: 1, attempts: 0, waitMs: 0 }]);
  await turns(5);
  assert.deepEqual(world.numbers(), [1]);
});

test('what follows in a key is found again when it could not be read', async (context) => {
  setBound(context, 'heldEvents', 1);
  await using world = new World();
  world.instances(1);
  const query = world.store.query.bind(world.store);
  let broken = 0;
  world.store.query = (ask) => {
    if (ask.name !== 'nextOfKey') return query(ask);
    broken += 1;
    throw new TuttiError('STORE_CORRUPT', { what: 'a row' });
  };
  await world.keepAndTell('a', 'a', 'a');
  await turns(20);
  assert.deepEqual([broken, world.numbers(), world.mailer?.owed], [1, [1, 2, 3], 0]);
});

test('an event that cannot be read is told at each look, and holds up no other', async (context) => {
  // It is a page of its own.
  setBound(context, 'eventPage', 1);
  await using world = new World();
  const query = world.store.query.bind(world.store);
  world.store.query = (ask) => {
    if (ask.name !== 'owed') return query(ask);
    const page = query(ask) as OwedPage;
    const damaged = page.events.flatMap(({ seq }) => (seq === 1 ? [seq] : []));
    return { ...page, events: page.events.filter(({ seq }) => seq !== 1), damaged };
  };
  await world.keepAndTell('a', 'b', 'c');
  world.dispatcher.anew();
  world.instances(1);
  await turns(10);
  assert.deepEqual(world.numbers(), [2, 3]);
  world.dispatcher.anew();
  await turns(5);
  const told = world.folder.said.filter((line) => line.includes('damaged'));
  assert.deepEqual(
    told,
    Array.from({ length: 2 }, () => 'error Events cannot be delivered: their rows in the store are damaged'),
  );
  assert.deepEqual([world.numbers(), world.mailer?.owed], [[2, 3], 1]);
});
