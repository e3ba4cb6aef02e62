/**
 * Delivers the kept events of one service: each is a call of one of its instances, and is done when that has answered. What failed is tried again after a
 * while, and given up after all its attempts. Whatever dies, what was not answered is in the store, and is delivered again.
 */
import { bounds } from '../../core/bounds.ts';
import { DeliveryQueue } from '../../core/delivery-queue.ts';
import { isTuttiError, TuttiError } from '../../core/errors.ts';
import { keptRequest } from '../../core/kept-context.ts';
import type { Clock, Random, Timer } from '../../core/ports.ts';
import type { DurablePolicy } from '../../define/durable.ts';
import type { Log } from '../../define/handling.ts';
import { readKept } from '../../mesh/kept-event.ts';
import type { HowItWent } from '../../mesh/kept-event.ts';
import type { RegistryView } from '../../mesh/registry-view.ts';
import type { KeyPlace, OwedEvent, OwedInput, OwedPage } from '../../stores/event-log/event-owed.ts';
import type { PassInput } from '../../stores/event-log/event-settling.ts';
import { EventEnds } from './event-ends.ts';
import { handOver, heldOf } from './event-handover.ts';
import type { EventToDeliver, HandoverNeeds, HeldEvent } from './event-handover.ts';
import { askAgainMs, notTried, readAgainMs } from './not-tried.ts';

export interface DispatcherNeeds extends HandoverNeeds {
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
  readonly #queue = new DeliveryQueue<HeldEvent>(bounds.heldEvents);
  readonly #stopped = Promise.withResolvers<undefined>();
  readonly #holds = new Set<{ upTo: number }>();
  readonly #ends: EventEnds;
  /** The store may have some that were not seen. */
  #mayHaveMore = true;
  /** See `OwedPage`. */
  #horizon = 0;
  #isPassing = false;
  /** Until how they ended is written. */
  #running = 0;
  #timer: Timer | undefined;
  #isStopping = false;

  constructor(needs: DispatcherNeeds) {
    this.#needs = needs;
    const written = (horizon: number): void => {
      this.#horizon = Math.max(this.#horizon, horizon);
      this.#go();
    };
    this.#ends = new EventEnds({ ...needs, written });
    this.#go();
  }

  /** Something was kept for it, or an instance has come. */
  wake(): void {
    this.#mayHaveMore = true;
    this.#go();
  }

  /** This was kept for it just now: it need not be read, unless there is more that was not seen. */
  kept(events: readonly EventToDeliver[]): void {
    if (!this.#mayHaveMore) for (const event of events) this.#takeKept(heldOf(event));
    this.#go();
  }

  #takeKept(event: HeldEvent): void {
    if (event.seq <= this.#queue.seen) return;
    this.#mayHaveMore ||= !this.#queue.hasRoom || event.seq > this.#horizon;
    if (!this.#mayHaveMore) this.#queue.see(event, this.#needs.clock.now());
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
    this.#mayHaveMore = true;
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
      const capacity = this.#capacity();
      while (this.#running < capacity) {
        const next = this.#queue.take(clock.now());
        if (next !== undefined) this.#deliver(next);
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
    if (againAt < Infinity) this.#goAt(againAt);
  }

  #goAt(at: number): void {
    const { clock } = this.#needs;
    this.#timer?.cancel();
    this.#timer = clock.after(Math.max(0, at - clock.now()), () => {
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
    const { store, receiver, log } = this.#needs;
    const upTo = Math.min(Number.MAX_SAFE_INTEGER, ...[...this.#holds].map((hold) => hold.upTo));
    const input: OwedInput = { receiver, after: this.#queue.seen, upTo, limit: bounds.eventPage };
    const page = store.query({ area: 'events', name: 'owed', input }) as OwedPage;
    for (const event of page.events) this.#queue.see(heldOf(event), this.#dueAt(event));
    this.#queue.seeUpTo(page.through);
    if (page.damaged.length > 0)
      log.error('Events cannot be delivered: their rows in the store are damaged', {
        ...{ receiver, numbers: page.damaged },
      });
    this.#mayHaveMore = !page.isLast;
    this.#horizon = page.horizon;
    if (page.events.length + page.damaged.length > 0) return true;
    if (page.through === page.horizon) void this.#pass({ receiver, upTo: page.through });
    return false;
  }

  /** Nothing before that can be begun now: it is written down one by one, to be looked behind it. */
  async #pass(input: PassInput): Promise<void> {
    if (this.#isPassing) return;
    this.#isPassing = true;
    try {
      await this.#needs.store.mutate({ area: 'events', name: 'pass', input });
      this.#isPassing = false;
      this.#go();
    } catch (error) {
      this.#isPassing = false;
      if (this.#isStopping) return;
      this.#cannotRead(error);
      this.#goAt(this.#needs.clock.now() + readAgainMs);
    }
  }

  #dueAt({ waitMs }: Pick<OwedEvent, 'waitMs'>): number {
    return this.#needs.clock.now() + waitMs;
  }

  #deliver(event: HeldEvent): void {
    this.#running += 1;
    const policy = this.#needs.policy(event.event);
    if (policy === undefined) {
      // Its receiver has no handler for it now: it waits for one that has.
      this.#askAgain(event);
      return;
    }
    handOver(this.#needs, event, policy).then(
      (went) => {
        if (went === null) this.#ends.add({ seq: event.seq, end: 'done' }, this.#left(event));
        else this.#failed(event, went, policy);
      },
      (error: unknown) => {
        this.#unanswered(event, policy, error);
      },
    );
  }

  #unanswered(event: HeldEvent, policy: DurablePolicy, error: unknown): void {
    const { code, message } = isTuttiError(error) ? error : new TuttiError('INTERNAL', {}, { cause: error });
    if (notTried.has(code)) {
      this.#askAgain(event);
      this.#go();
    } else this.#failed(event, { failed: `${code}: ${message}`, isUnfit: false }, policy);
  }

  #askAgain(event: HeldEvent): void {
    this.#over(() => {
      this.#putBack(event, this.#needs.clock.now() + askAgainMs);
    });
  }

  /** A delivery is not under way any more. */
  #over(then: () => void): void {
    this.#running -= 1;
    try {
      then();
    } catch (error) {
      // What was to follow it is found again with all the rest.
      this.#queue.seeAnew();
      this.#cannotRead(error);
    }
    if (this.#isStopping && this.#running === 0) this.#stopped.resolve(undefined);
  }

  #failed(event: HeldEvent, went: NonNullable<HowItWent>, policy: DurablePolicy): void {
    const { receiver, clock, random, log } = this.#needs;
    const attempts = event.attempts + 1;
    const { seq } = event;
    const requestId = event.body === undefined ? undefined : keptRequest(readKept(event.body).context);
    const about = { receiver, event: event.event, id: event.id, requestId, attempts, error: went.failed };
    if (attempts >= policy.attempts || went.isUnfit) {
      log.error('An event was given up', about);
      this.#ends.add({ seq, end: 'dead', error: went.failed }, this.#left(event));
      return;
    }
    const afterMs = policy.delayAfter(attempts, random);
    log.warn('An event was not handled, and is delivered again', { ...about, afterMs });
    this.#ends.add({ seq, end: 'retry', afterMs, error: went.failed }, () => {
      this.#over(() => {
        this.#putBack({ ...event, attempts }, clock.now() + afterMs);
      });
    });
  }

  #putBack(event: HeldEvent, until: number): void {
    this.#follow(this.#queue.putBack(event, until));
  }

  /** What is done once it is written that it is not owed any more. */
  #left(event: HeldEvent): () => void {
    return () => {
      this.#over(() => {
        this.#follow(this.#queue.done(event));
      });
    };
  }

  #follow(key: string | undefined): void {
    if (key === undefined) return;
    const { store, receiver } = this.#needs;
    const input: KeyPlace = { receiver, key, upTo: this.#queue.seen };
    const next = store.query({ area: 'events', name: 'nextOfKey', input }) as OwedEvent | undefined;
    if (next !== undefined) this.#queue.follow(heldOf(next), this.#dueAt(next));
  }
}
