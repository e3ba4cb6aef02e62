/** Whatever fails, hangs, comes late or is asked for once more: at the end all was delivered, each key in its order, and nothing twice at once. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TuttiError } from '../../../src/core/errors.ts';
import { durablePolicy, fillDurable } from '../../../src/define/durable.ts';
import type { Caller } from '../../../src/mesh/caller.ts';
import { writeKept } from '../../../src/mesh/kept-event.ts';
import type { HowItWent } from '../../../src/mesh/kept-event.ts';
import { RegistryView } from '../../../src/mesh/registry-view.ts';
import { EventDispatcher } from '../../../src/services/store/event-dispatcher.ts';
import { eventsArea } from '../../../src/stores/event-log/events-area.ts';
import type { EventToKeep, Receiver } from '../../../src/stores/event-log/events-area.ts';
import { Chance } from '../../fuzz/chance.ts';
import { setBound, StoreFolder, turns } from '../../stores/store-folder.ts';
import { readDelivered } from './delivered.ts';

const area = 'events';
const keys = ['a', 'b', 'c', null];

interface Payload {
  readonly number: number;
  readonly key: string | null;
}

class World implements AsyncDisposable {
  readonly folder = new StoreFolder();
  readonly store = this.folder.open([eventsArea]);
  readonly registry = new RegistryView();
  readonly chance: Chance;
  readonly done: Payload[] = [];
  readonly under = new Map<number, Payload>();
  /** Ends of deliveries that are under way. */
  readonly open: (() => void)[] = [];
  isCalm = false;
  number = 0;
  dispatcher: EventDispatcher;

  constructor(chance: Chance) {
    this.chance = chance;
    const instances = [1, 2].map((slot) => ({ service: 'mailer', slot, epoch: 1, address: '' }));
    this.registry.replace({ revision: 1, services: { mailer: { instances, events: {} } } });
    this.dispatcher = this.begin();
  }

  begin(): EventDispatcher {
    const policy = durablePolicy(fillDurable({ attempts: 1_000, backoff: { delayMs: 10, maxDelayMs: 50 } }));
    return new EventDispatcher({
      ...{ receiver: 'mailer', store: this.store, registry: this.registry, random: () => this.chance.next() },
      caller: { call: this.call } as unknown as Caller,
      clock: this.folder.clock,
      log: this.folder.log,
      concurrency: () => 4,
      policy: () => policy,
    });
  }

  readonly call = async (_service: string, _action: string, input: unknown): Promise<HowItWent> => {
    const payload = readDelivered(input).kept.payload as Payload;
    assert.ok(!this.under.has(payload.number), 'nothing is under way twice');
    const sameKey = [...this.under.values()].filter(({ key }) => key !== null && key === payload.key);
    assert.deepEqual(sameKey, [], 'of one key one is under way');
    this.under.set(payload.number, payload);
    await new Promise<void>((end) => {
      if (this.isCalm || this.chance.below(3) === 0) end();
      else this.open.push(end);
    });
    this.under.delete(payload.number);
    const how = this.isCalm ? 9 : this.chance.below(8);
    if (how === 0) throw new TuttiError('INSTANCE_LOST', { instance: 'mailer#1@1', executed: 'unknown' });
    if (how === 1) throw new TuttiError('OVERLOADED', { what: 'mailer' });
    if (how === 2) return { failed: 'Error: no', isUnfit: false };
    this.done.push(payload);
    return null;
  };

  async keep(): Promise<void> {
    const events = Array.from({ length: 1 + this.chance.below(6) }, (): EventToKeep => {
      const number = (this.number += 1);
      const key = keys[this.chance.below(keys.length)] ?? null;
      const text = 'x'.repeat(this.chance.below(200));
      const body = writeKept({ number, key, text }, undefined);
      const receivers = this.chance.below(4) === 0 ? ['audit', 'mailer'] : ['mailer'];
      return { event: 'a.b', id: String(number), key, priority: 5, body, receivers };
    });
    const seqs = (await this.store.mutate({ area, name: 'keep', input: { events } })) as number[];
    // Told, or only woken, as after what others kept.
    if (this.chance.below(5) === 0) this.dispatcher.wake();
    else
      this.dispatcher.kept(
        events.map((event, index) => ({ ...event, seq: seqs[index] ?? 0, attempts: 0, waitMs: 0 })),
      );
  }

  end(): void {
    const [end] = this.open.splice(this.chance.below(this.open.length), 1);
    end?.();
  }

  /** What the owner of the store does when it is asked to look again. */
  anew(): void {
    this.dispatcher.anew();
  }

  foreign(): Promise<unknown> {
    const body = writeKept('x', undefined);
    const one = { event: 'a.b', id: 'x', key: 'a', priority: 5, body, receivers: ['audit'] };
    return this.store.mutate({ area, name: 'keep', input: { events: [one, one, one] } });
  }

  async untilAllIsDone(): Promise<void> {
    this.isCalm = true;
    for (const end of this.open.splice(0)) end();
    this.dispatcher.wake();
    for (let step = 0; this.owed > 0; step += 1) {
      assert.ok(step < 2_000, `still owed: ${String(this.owed)}`);
      this.folder.clock.advance(50);
      await turns(2);
    }
  }

  get owed(): number {
    const all = this.store.query({ area, name: 'receivers' }) as Receiver[];
    return all.find(({ receiver }) => receiver === 'mailer')?.owed ?? 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispatcher.stop();
    await this.store.close();
    this.folder[Symbol.dispose]();
  }
}

for (let seed = 1; seed <= 8; seed += 1)
  test(`nothing is forgotten, and no key loses its order, seed ${String(seed)}`, async (context) => {
    const chance = new Chance(seed);
    setBound(context, 'eventsAhead', 4 + chance.below(20));
    setBound(context, 'heldEvents', 4 + chance.below(10));
    setBound(context, 'eventPage', 2 + chance.below(5));
    setBound(context, 'heldEventChars', 150);
    await using world = new World(chance);
    const deeds = ['keep', 'keep', 'end', 'end', 'end', 'anew', 'foreign'] as const;
    for (let step = 0; step < 200; step += 1) {
      await world[deeds[chance.below(deeds.length)] ?? 'keep']();
      if (chance.below(3) === 0) world.folder.clock.advance(chance.below(40));
      await turns(chance.below(3));
    }
    await world.untilAllIsDone();
    const numbers = world.done.map(({ number }) => number);
    assert.deepEqual(
      numbers.toSorted((one, other) => one - other),
      Array.from({ length: world.number }, (_none, index) => index + 1),
      'each is done once: no answer was lost here',
    );
    for (const key of ['a', 'b', 'c']) {
      const ofKey = world.done.filter((one) => one.key === key).map(({ number }) => number);
      assert.deepEqual(
        ofKey,
        ofKey.toSorted((one, other) => one - other),
        key,
      );
    }
  });
