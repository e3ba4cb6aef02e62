/** One dispatcher for each service that has durable subscriptions, as the app's manifest says; told when there is something to do. */
import type { DurablePolicy } from '../../define/durable.ts';
import { durablePolicy } from '../../define/durable.ts';
import type { Log } from '../../define/handling.ts';
import { runWithoutContext } from '../../mesh/context.ts';
import type { ServiceManifest } from '../../define/manifest.ts';
import type { SystemRuntime } from '../../mesh/runtime.ts';
import type { Store } from '../../stores/sqlite/store.ts';
import type { EventToKeep } from '../../stores/event-log/events-area.ts';
import type { Hold } from './event-dispatcher.ts';
import { EventDispatcher } from './event-dispatcher.ts';
import type { EventToDeliver } from './event-handover.ts';

interface DispatchersNeeds {
  readonly store: Store;
  readonly runtime: SystemRuntime;
  readonly log: Log;
}

/** By event. */
type Policies = ReadonlyMap<string, DurablePolicy>;
const none: Policies = new Map();

const policiesOf = (events: ServiceManifest['events']): Policies =>
  new Map(
    Object.entries(events).flatMap(([event, { durable }]) =>
      durable === undefined ? [] : [[event, durablePolicy(durable)] as const],
    ),
  );

export class EventDispatchers {
  readonly #needs: DispatchersNeeds;
  readonly #dispatchers = new Map<string, EventDispatcher>();
  readonly #stopListening: readonly (() => void)[];
  /** Of those that were kept since this process began. */
  #newest = -1;
  /** By receiver. */
  #policies: ReadonlyMap<string, Policies> = new Map();

  constructor(needs: DispatchersNeeds) {
    this.#needs = needs;
    const { runtime } = needs;
    const follow = (): void => {
      this.#follow();
    };
    this.#stopListening = [
      runtime.onManifest(follow),
      runtime.registry.onChange(() => {
        this.#wakeAll();
      }),
    ];
    follow();
  }

  /** These were kept, under these numbers. Told in another order than theirs, all dispatchers look for what they have not seen. */
  kept(events: readonly EventToKeep[], seqs: readonly number[]): void {
    const isNext = seqs[0] === this.#newest + 1;
    this.#newest = Math.max(this.#newest, seqs.at(-1) ?? 0);
    // Deliveries are no part of the call that brought the event.
    runWithoutContext(() => {
      if (isNext) this.#handOn(events, seqs);
      else this.#wakeAll();
    });
  }

  #handOn(events: readonly EventToKeep[], seqs: readonly number[]): void {
    const byReceiver = new Map<string, EventToDeliver[]>();
    for (const [index, { receivers, event, id, key, priority, body }] of events.entries()) {
      const seq = seqs[index] ?? 0;
      const toDeliver = { seq, event, id, key, priority, body, attempts: 0, waitMs: 0 };
      for (const receiver of receivers) {
        const some = byReceiver.get(receiver);
        if (some === undefined) byReceiver.set(receiver, [toDeliver]);
        else some.push(toDeliver);
      }
    }
    for (const [receiver, some] of byReceiver) this.#dispatchers.get(receiver)?.kept(some);
  }

  /** Older ones than it has seen are owed to it again. */
  anew(receiver: string): void {
    runWithoutContext(() => {
      this.#dispatchers.get(receiver)?.anew();
    });
  }

  /** Its events behind this number wait. Asked for outside of any call, since it brings deliveries about. */
  hold(receiver: string, upTo: number): Hold | undefined {
    return this.#dispatchers.get(receiver)?.hold(upTo);
  }

  /** By service: the events that it subscribes to durably, now. */
  durable(): ReadonlyMap<string, readonly string[]> {
    return new Map([...this.#policies].map(([receiver, policies]) => [receiver, [...policies.keys()]]));
  }

  async stop(): Promise<void> {
    for (const stop of this.#stopListening) stop();
    await Promise.all([...this.#dispatchers.values()].map((dispatcher) => dispatcher.stop()));
  }

  /** One that was there stays: a service that is gone may come back, and its events wait for it. */
  #follow(): void {
    const { runtime } = this.#needs;
    this.#policies = new Map(
      Object.values(runtime.manifest().services).map(({ name, events }) => [name, policiesOf(events)]),
    );
    for (const [receiver, policies] of this.#policies)
      if (policies.size > 0 && !this.#dispatchers.has(receiver))
        this.#dispatchers.set(receiver, this.#dispatcher(receiver));
    this.#wakeAll();
  }

  #dispatcher(receiver: string): EventDispatcher {
    const { runtime, store, log } = this.#needs;
    const { caller, registry, clock, random } = runtime;
    const all = (): Policies => this.#policies.get(receiver) ?? none;
    return new EventDispatcher({
      ...{ receiver, store, caller, registry, clock, random, log },
      policy: (event) => all().get(event),
      concurrency: () => [...all().values()].reduce((sum, { concurrency }) => sum + concurrency, 0),
    });
  }

  #wakeAll(): void {
    for (const dispatcher of this.#dispatchers.values()) dispatcher.wake();
  }
}
