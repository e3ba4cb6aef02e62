/**
 * In which order the kept events of one service are delivered: those of one key one after the other, as they came; between keys the urgent ones first, then
 * the oldest. One that failed waits, and its key with it; nothing else does. Pure: the records themselves are in the store.
 */
import { highestPriority } from './waiting-line.ts';

export interface QueuedDelivery {
  /** Grows: the order in which events were kept. */
  readonly seq: number;
  /** Null: it has no order with others. */
  readonly key: string | null;
  readonly priority: number;
}

/** One key of which something is held here. Whether more of it has been seen, and left in the store. */
interface BusyKey {
  hasMore: boolean;
}

interface Waiting<Delivery> {
  readonly delivery: Delivery;
  readonly until: number;
}

export class DeliveryQueue<Delivery extends QueuedDelivery> {
  readonly #most: number;
  readonly #ready: Delivery[][] = Array.from({ length: highestPriority + 1 }, () => []);
  readonly #busy = new Map<string, BusyKey>();
  /** The next one first. */
  #waiting: Waiting<Delivery>[] = [];
  /** Ready, waiting or taken, by number. */
  readonly #held = new Set<number>();
  /** All up to here were seen: they are held, done, or behind their key. */
  #seen = 0;

  /** @param most how many are held here; the rest stays in the store. */
  constructor(most: number) {
    this.#most = most;
  }

  get hasRoom(): boolean {
    return this.#held.size < this.#most;
  }

  get seen(): number {
    return this.#seen;
  }

  /** When the next one that waits is due; undefined: none waits. */
  get nextAt(): number | undefined {
    return this.#waiting[0]?.until;
  }

  /** From the oldest on, once more: what is held is known by its number. */
  seeAnew(): void {
    this.#seen = 0;
  }

  /** The next one of the store, in its order. `until`: not before, of the clock that `take` goes by. */
  see(delivery: Delivery, until: number): void {
    this.#seen = Math.max(this.#seen, delivery.seq);
    if (this.#held.has(delivery.seq)) return;
    const busy = delivery.key === null ? undefined : this.#busy.get(delivery.key);
    if (busy === undefined) this.#hold(delivery, until, false);
    else busy.hasMore = true;
  }

  /** The oldest of a key that `done` asked for; there may be more behind it. */
  follow(delivery: Delivery, until: number): void {
    this.#hold(delivery, until, true);
  }

  /** To be delivered now; undefined: nothing is ready. */
  take(now: number): Delivery | undefined {
    while (this.#waiting[0] !== undefined && this.#waiting[0].until <= now) {
      const { delivery } = this.#waiting.shift() as Waiting<Delivery>;
      this.#ready[delivery.priority]?.push(delivery);
    }
    for (let priority = highestPriority; priority >= 0; priority -= 1) {
      const next = this.#ready[priority]?.shift();
      if (next !== undefined) return next;
    }
    return undefined;
  }

  /** One that was taken waits, and its key with it. */
  putBack(delivery: Delivery, until: number): void {
    const at = this.#waiting.findIndex((other) => other.until > until);
    this.#waiting.splice(at === -1 ? this.#waiting.length : at, 0, { delivery, until });
  }

  /** One that was taken is no more. Gives its key when the store has more of it that was seen: it is to be looked for up to `seen`. */
  done(delivery: Delivery): string | undefined {
    this.#held.delete(delivery.seq);
    if (delivery.key === null) return undefined;
    const hasMore = this.#busy.get(delivery.key)?.hasMore === true;
    this.#busy.delete(delivery.key);
    return hasMore ? delivery.key : undefined;
  }

  #hold(delivery: Delivery, until: number, hasMore: boolean): void {
    this.#held.add(delivery.seq);
    if (delivery.key !== null) this.#busy.set(delivery.key, { hasMore });
    this.putBack(delivery, until);
  }
}
