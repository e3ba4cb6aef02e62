/** R3: one who watches the registry over a way that loses, repeats and reorders, and over the deaths of supervisors. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { newSlot } from '../../../src/core/instance-state.ts';
import { RegistryView } from '../../../src/mesh/registry-view.ts';
import type { RegistryDelta, RegistryService, RegistrySnapshot } from '../../../src/mesh/registry-view.ts';
import type { ServicePlan } from '../../../src/processes/supervisor/plan.ts';
import { Registry } from '../../../src/processes/supervisor/registry.ts';
import { times } from '../../fuzz/chance.ts';

type Message = { readonly delta: RegistryDelta } | { readonly snapshot: RegistrySnapshot };
type Services = Readonly<Record<string, RegistryService>>;

const servicesOf = (view: RegistryView): Services => Object.fromEntries(view.services());

/** The truth, what is under way to the watcher, and what it knows. */
class World {
  readonly view = new RegistryView();
  /** By revision. */
  readonly truths = new Map<number, Services>([[0, {}]]);
  readonly underWay: Message[] = [];
  applied = 0;
  #generation = 0;
  #registry = this.#next();

  change(service: string, ready: readonly number[], event: string): void {
    const slots = ready.map((epoch, index) => ({
      ...newSlot(service, index + 1),
      epoch,
      state: epoch === 0 ? ('backoff' as const) : ('ready' as const),
    }));
    const events = { [event]: 'balanced' };
    this.#registry.update(
      { name: service, events, pool: undefined, calls: undefined } as unknown as ServicePlan,
      slots,
    );
  }

  /** A successor knows of nobody until the first instances are back. */
  die(): void {
    this.#registry = this.#next();
  }

  ask(): void {
    this.underWay.push({ snapshot: this.#registry.snapshot() });
  }

  /** @param keep it will come once more. */
  deliver(at: number, keep: boolean): void {
    const index = at % Math.max(1, this.underWay.length);
    const message = this.underWay[index];
    if (message === undefined) return;
    if (!keep) this.underWay.splice(index, 1);
    this.hear(message);
  }

  lose(at: number): void {
    this.underWay.splice(at % Math.max(1, this.underWay.length), 1);
  }

  /** And what holds after each message. */
  hear(message: Message): void {
    const before = { revision: this.view.revision, services: servicesOf(this.view) };
    if ('snapshot' in message) this.view.replace(message.snapshot);
    else {
      const heard = this.view.apply(message.delta);
      if (heard === 'applied') {
        this.applied += 1;
        assert.equal(this.view.revision, message.delta.revision);
      } else assert.deepEqual({ revision: this.view.revision, services: servicesOf(this.view) }, before);
      assert.equal(heard === 'stale', message.delta.revision <= before.revision);
      if (heard === 'gap') this.ask();
    }
    assert.ok(this.view.revision >= before.revision, 'it went back');
    assert.deepEqual(servicesOf(this.view), this.truths.get(this.view.revision));
    for (const [name, { instances, events }] of this.view.services()) {
      for (const { slot, epoch } of instances) assert.ok(this.view.newestEpoch(name, slot) >= epoch);
      for (const event of Object.keys(events))
        assert.ok(this.view.subscribersOf(event).some(({ service }) => service === name));
    }
  }

  /** The way is whole again. */
  catchUp(): void {
    this.ask();
    for (const message of this.underWay.splice(0)) this.hear(message);
    assert.equal(this.view.revision, this.#registry.revision);
    assert.deepEqual(servicesOf(this.view), this.#registry.snapshot().services);
  }

  #next(): Registry {
    this.#generation += 1;
    const registry: Registry = new Registry({
      generation: this.#generation,
      address: (service, slot) => `${service}-${String(slot)}`,
      wanted: () => 4,
      publish: (delta) => {
        this.truths.set(delta.revision, registry.snapshot().services);
        this.underWay.push({ delta });
      },
    });
    this.truths.set(registry.revision, {});
    return registry;
  }
}

type Step = (world: World) => void;

const at = fc.nat(50);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .tuple(
        fc.constantFrom('users', 'orders', 'mail'),
        fc.array(fc.nat(3), { maxLength: 3 }),
        fc.constantFrom('made', 'gone'),
      )
      .map(([service, ready, event]): Step => (world) => {
        world.change(service, ready, event);
      }),
  },
  // The first that is under way, as it comes on a connection.
  {
    weight: 8,
    arbitrary: fc.constant<Step>((world) => {
      world.deliver(0, false);
    }),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(at, fc.boolean()).map(([index, keep]): Step => (world) => {
      world.deliver(index, keep);
    }),
  },
  {
    weight: 1,
    arbitrary: at.map((index): Step => (world) => {
      world.lose(index);
    }),
  },
  {
    weight: 1,
    arbitrary: fc.constant<Step>((world) => {
      world.ask();
    }),
  },
  {
    weight: 1,
    arbitrary: fc.constant<Step>((world) => {
      world.die();
    }),
  },
);

const runs = times(200, 5_000);

test('R3 what a watcher knows is what was true at its revision, whatever is lost, repeated or reordered, and it never goes back', () => {
  let applied = 0;
  fc.assert(
    fc.property(fc.array(step, { minLength: 10, maxLength: 200 }), (steps) => {
      const world = new World();
      world.catchUp();
      for (const one of steps) one(world);
      world.catchUp();
      applied += world.applied;
    }),
    { numRuns: runs },
  );
  assert.ok(applied > runs, `${String(applied)} changes were applied one by one`);
});
