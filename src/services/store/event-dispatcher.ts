/**
 * Delivers the kept events of one service: each is a call of one of its instances, and is done when that has answered. What failed is tried again after a
 * while, and given up after all its attempts. Whatever dies, what was not answered is in the store, and is delivered again.
 */
import { bounds } from '../../core/bounds.ts';
import { DeliveryQueue } from '../../core/delivery-queue.ts';
import { isTuttiError, TuttiError } from '../../core/errors.ts';
import type { Clock, Random, Timer } from '../../core/ports.ts';
import type { DurablePolicy } from '../../define/durable.ts';
import type { Log } from '../../define/handling.ts';
import type { Caller } from '../../mesh/caller.ts';
import { eventAction, readKept } from '../../mesh/kept-event.ts';
import type { DeliveredEvent, HowItWent } from '../../mesh/kept-event.ts';
import type { RegistryView } from '../../mesh/registry-view.ts';
import type { OwedEvent, SettleInput } from '../../stores/event-log/events-area.ts';
import type { Store } from '../../stores/sqlite/store.ts';
import { askAgainMs, notTried, readAgainMs } from './not-tried.ts';
import { settle } from './settle.ts';

export interface DispatcherNeeds {
  readonly receiver: string;
  readonly store: Store;
  readonly caller: Caller;
  readonly registry: RegistryView;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** How many of its events one instance handles at once. */
  readonly concurrency: () => number;
  /** How it wants this event; undefined: it does not, or not any more. */
  readonly policy: (event: string) => DurablePolicy | undefined;
}

/** While it is held nothing behind a number begins: older ones are on their way into the store. */
export interface Hold extends Disposable {
  /** All that there will be up to this number is in the store. */
  upTo(seq: number): void;
}

export class EventDispatcher {
  readonly #needs: DispatcherNeeds;
  readonly #queue = new DeliveryQueue<OwedEvent>(bounds.heldEvents);
  readonly #stopped = Promise.withResolvers<undefined>();
  readonly #holds = new Set<{ upTo: number }>();
  /** The store may have some that were not seen. */
  #mayHaveMore = true;
  #running = 0;
  #timer: Timer | undefined;
  #isStopping = false;

  constructor(needs: DispatcherNeeds) {
    this.#needs = needs;
    this.#go();
  }

  /** Something was kept for it, or an instance has come. */
  wake(): void {
    this.#mayHaveMore = true;
    this.#go();
  }

  /** Looks at all that is owed once more, from the oldest on. */
  anew(): void {
    this.#queue.seeAnew();
    this.wake();
  }

  hold(upTo: number): Hold {
    const hold = { upTo };
    this.#holds.add(hold);
    this.#queue.seeAnew();
    return {
      upTo: (seq) => {
        hold.upTo = seq;
        this.wake();
      },
      [Symbol.dispose]: () => {
        this.#holds.delete(hold);
        this.wake();
      },
    };
  }

  /** Begins nothing new; resolves when what is under way has ended. */
  stop(): Promise<undefined> {
    this.#isStopping = true;
    this.#timer?.cancel();
    if (this.#running === 0) this.#stopped.resolve(undefined);
    return this.#stopped.promise;
  }

  #go(): void {
    if (this.#isStopping) return;
    const { clock } = this.#needs;
    this.#timer?.cancel();
    let againAt = Infinity;
    try {
      while (this.#running < this.#capacity()) {
        const next = this.#queue.take(clock.now());
        if (next !== undefined) void this.#deliver(next);
        else if (!this.#lookForMore()) {
          againAt = this.#queue.nextAt ?? Infinity;
          break;
        }
      }
    } catch (error) {
      this.#cannotRead(error);
      againAt = clock.now() + readAgainMs;
    }
    // With nothing to do, or as much as there can be: the next event, answer or instance wakes it.
    if (againAt === Infinity) return;
    this.#timer = clock.after(Math.max(0, againAt - clock.now()), () => {
      this.#go();
    });
  }

  #cannotRead(error: unknown): void {
    this.#needs.log.error('Kept events cannot be read', { receiver: this.#needs.receiver, error });
    this.#mayHaveMore = true;
  }

  /** As many at once as its instances take together; none: nobody is asked. */
  #capacity(): number {
    const { registry, receiver, concurrency } = this.#needs;
    const instances = registry.service(receiver)?.instances.length ?? 0;
    return Math.min(bounds.deliveriesAtOnce, instances * concurrency());
  }

  #lookForMore(): boolean {
    if (!this.#mayHaveMore || !this.#queue.hasRoom) return false;
    const { store, receiver } = this.#needs;
    const upTo = Math.min(Number.MAX_SAFE_INTEGER, ...[...this.#holds].map((hold) => hold.upTo));
    const input = { receiver, after: this.#queue.seen, upTo, limit: bounds.eventPage };
    const found = store.query({ area: 'events', name: 'owed', input }) as OwedEvent[];
    for (const event of found) this.#queue.see(event, this.#dueAt(event));
    this.#mayHaveMore = found.length === bounds.eventPage;
    return found.length > 0;
  }

  #dueAt({ waitMs }: OwedEvent): number {
    return this.#needs.clock.now() + waitMs;
  }

  async #deliver(event: OwedEvent): Promise<void> {
    this.#running += 1;
    try {
      await this.#tryOnce(event);
    } catch (error) {
      this.#cannotRead(error);
    } finally {
      this.#running -= 1;
      if (this.#isStopping && this.#running === 0) this.#stopped.resolve(undefined);
      this.#go();
    }
  }

  async #tryOnce(event: OwedEvent): Promise<void> {
    const { receiver, clock } = this.#needs;
    const policy = this.#needs.policy(event.event);
    let went: HowItWent;
    try {
      // Where its receiver has no handler for it now, it waits for one that has.
      if (policy === undefined) throw new TuttiError('UNKNOWN_ACTION', { action: event.event });
      went = await this.#call(event, policy.timeoutMs);
    } catch (error) {
      if (!isTuttiError(error)) throw error;
      if (policy === undefined || notTried.has(error.code)) {
        this.#putBack(event, clock.now() + askAgainMs);
        return;
      }
      went = { failed: `${error.code}: ${error.message}`, isUnfit: false };
    }
    if (went !== null) {
      await this.#failed(event, went, policy);
      return;
    }
    await this.#settle({ receiver, seq: event.seq, end: 'done' });
    this.#leave(event);
  }

  async #call({ event, id, body, priority, attempts }: OwedEvent, deadlineMs: number): Promise<HowItWent> {
    const { payload, context } = readKept(body);
    const delivered: DeliveredEvent = { payload, attempt: attempts + 1 };
    const answer = await this.#needs.caller.call(this.#needs.receiver, eventAction(event), delivered, {
      ...{ deadlineMs, retries: 0, priority, idempotencyKey: id },
      context: { ...context, deadline: Infinity },
    });
    return answer as HowItWent;
  }

  async #failed(event: OwedEvent, went: NonNullable<HowItWent>, policy: DurablePolicy): Promise<void> {
    const { receiver, clock, random, log } = this.#needs;
    const attempts = event.attempts + 1;
    const { seq } = event;
    const { requestId } = readKept(event.body).context;
    const about = { receiver, event: event.event, id: event.id, requestId, attempts, error: went.failed };
    if (attempts >= policy.attempts || went.isUnfit) {
      log.error('An event was given up', about);
      await this.#settle({ receiver, seq, end: 'dead', error: went.failed });
      this.#leave(event);
      return;
    }
    const afterMs = policy.delayAfter(attempts, random);
    log.warn('An event was not handled, and is delivered again', { ...about, afterMs });
    await this.#settle({ receiver, seq, end: 'retry', afterMs, error: went.failed });
    this.#putBack({ ...event, attempts }, clock.now() + afterMs);
  }

  /** When the store is gone it is delivered again, by who comes after us. */
  async #settle(input: SettleInput): Promise<void> {
    const { receiver, seq } = input;
    const bytes = 'error' in input ? input.error.length : 0;
    await settle(this.#needs, { area: 'events', name: 'settle', input, bytes }, { receiver, seq });
  }

  #putBack(event: OwedEvent, until: number): void {
    this.#follow(this.#queue.putBack(event, until));
  }

  #leave(event: OwedEvent): void {
    this.#follow(this.#queue.done(event));
  }

  #follow(key: string | undefined): void {
    if (key === undefined) return;
    const { store, receiver } = this.#needs;
    const input = { receiver, key, upTo: this.#queue.seen };
    const next = store.query({ area: 'events', name: 'nextOfKey', input }) as OwedEvent | undefined;
    if (next !== undefined) this.#queue.follow(next, this.#dueAt(next));
  }
}
