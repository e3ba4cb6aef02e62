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

interface Waiting<Delivery> {
  readonly delivery: Delivery;
  readonly until: number;
}

/** One key of which something is held here. */
interface BusyKey<Delivery> {
  /** The one that is held. */
  readonly seq: number;
  /** Those that come after it, in their order. */
  behind: Waiting<Delivery>[];
  /** More behind those has been seen, and left in the store. */
  hasMore: boolean;
  /** What is older than the one that is held is owed again. */
  hasOlder: boolean;
}

export class DeliveryQueue<Delivery extends QueuedDelivery> {
  readonly #most: number;
  readonly #ready: Delivery[][] = Array.from({ length: highestPriority + 1 }, () => []);
  readonly #busy = new Map<string, BusyKey<Delivery>>();
  /** How many stand behind their keys. */
  #behind = 0;
  /** The next one first. */
  #waiting: Waiting<Delivery>[] = [];
  /** Ready, waiting or taken, by number. */
  readonly #held = new Set<number>();
  /** All up to here were seen: they are held, done, or behind their key. */
  #seen = 0;

  /** @param most how many are held here, and how many behind their keys; the rest stays in the store. */
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

  /** From the oldest on, once more: there may be some before those that are held. What was taken is known by its number; the rest goes back to the store. */
  seeAnew(): void {
    const untaken = [...this.#ready.flat(), ...this.#waiting.map(({ delivery }) => delivery)];
    for (const list of this.#ready) list.length = 0;
    this.#waiting = [];
    for (const busy of this.#busy.values()) this.#leaveToStore(busy, false);
    for (const delivery of untaken) this.done(delivery);
    this.#seen = 0;
  }

  /** The next one of the store, in its order. `until`: not before, of the clock that `take` goes by. */
  see(delivery: Delivery, until: number): void {
    this.#seen = Math.max(this.#seen, delivery.seq);
    if (this.#held.has(delivery.seq)) return;
    const busy = delivery.key === null ? undefined : this.#busy.get(delivery.key);
    if (busy === undefined) {
      this.#hold({ delivery, until });
      return;
    }
    busy.hasOlder ||= delivery.seq < busy.seq;
    busy.hasMore ||= this.#behind >= this.#most;
    if (busy.hasMore) return;
    busy.behind.push({ delivery, until });
    this.#behind += 1;
  }

  /** What is not held up to there is done, or for others. */
  seeUpTo(seq: number): void {
    this.#seen = Math.max(this.#seen, seq);
  }

  /** The oldest of a key that `done` asked for; there may be more behind it. */
  follow(delivery: Delivery, until: number): void {
    this.#hold({ delivery, until }, { behind: [], hasMore: true });
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

  /** One that was taken waits, and its key with it; unless there may be older ones of its key by now: then it goes back to the store, and the answer is as that of `done`. */
  putBack(delivery: Delivery, until: number): string | undefined {
    const busy = delivery.key === null ? undefined : this.#busy.get(delivery.key);
    if (busy?.hasOlder === true) {
      // It stands itself behind those, which only the store knows all of.
      this.#leaveToStore(busy, true);
      return this.done(delivery);
    }
    if (busy !== undefined && delivery.seq > this.#seen) return this.done(delivery);
    this.#wait({ delivery, until });
    return undefined;
  }

  /** One that was taken is no more, and the next of its key follows. Gives the key when only the store has it, of those that were seen: it is to be looked for up to `seen`. */
  done({ seq, key }: Delivery): string | undefined {
    this.#held.delete(seq);
    const busy = key === null ? undefined : this.#busy.get(key);
    if (key === null || busy === undefined) return undefined;
    this.#busy.delete(key);
    const next = busy.behind.shift();
    if (next === undefined) return busy.hasMore ? key : undefined;
    this.#behind -= 1;
    this.#hold(next, busy);
    return undefined;
  }

  #leaveToStore(busy: BusyKey<Delivery>, hasMore: boolean): void {
    this.#behind -= busy.behind.length;
    busy.behind = [];
    busy.hasMore = hasMore;
  }

  #hold(
    waiting: Waiting<Delivery>,
    { behind, hasMore }: Pick<BusyKey<Delivery>, 'behind' | 'hasMore'> = { behind: [], hasMore: false },
  ): void {
    const { seq, key } = waiting.delivery;
    this.#held.add(seq);
    if (key !== null) this.#busy.set(key, { seq, behind, hasMore, hasOlder: false });
    this.#wait(waiting);
  }

  #wait(waiting: Waiting<Delivery>): void {
    const last = this.#waiting.at(-1);
    if (last === undefined || last.until <= waiting.until) {
      this.#waiting.push(waiting);
      return;
    }
    const at = this.#waiting.findIndex((other) => other.until > waiting.until);
    this.#waiting.splice(at, 0, waiting);
  }
}
