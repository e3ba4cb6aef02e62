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

/** What was seen of a key, and left in the store. */
export interface Behind {
  readonly key: string;
  /** Their numbers, in their order. */
  readonly seqs: number[];
  /** More than those: only the store knows. */
  hasMore: boolean;
}

/** One key of which something is held here. */
interface BusyKey {
  /** The one that is held. */
  readonly seq: number;
  readonly behind: Behind;
  /** What is older than the one that is held is owed again. */
  hasOlder: boolean;
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
  /** Numbers that stand behind their keys here. */
  #behind = 0;
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

  /** From the oldest on, once more: there may be some before those that are held. What was taken is known by its number; the rest goes back to the store. */
  seeAnew(): void {
    const untaken = [...this.#ready.flat(), ...this.#waiting.map(({ delivery }) => delivery)];
    for (const list of this.#ready) list.length = 0;
    this.#waiting = [];
    for (const delivery of untaken) this.done(delivery);
    for (const { behind } of this.#busy.values()) this.#setBehind(behind, false);
    this.#seen = 0;
  }

  /** The next one of the store, in its order. `until`: not before, of the clock that `take` goes by. */
  see(delivery: Delivery, until: number): void {
    this.#seen = Math.max(this.#seen, delivery.seq);
    if (this.#held.has(delivery.seq)) return;
    const busy = delivery.key === null ? undefined : this.#busy.get(delivery.key);
    if (busy === undefined) {
      this.#hold(delivery, until);
      return;
    }
    busy.hasOlder ||= delivery.seq < busy.seq;
    const { behind } = busy;
    behind.hasMore ||= this.#behind >= this.#most;
    if (behind.hasMore) return;
    behind.seqs.push(delivery.seq);
    this.#behind += 1;
  }

  /** What is not held up to there is done, behind its key, or for others. */
  seeUpTo(seq: number): void {
    this.#seen = Math.max(this.#seen, seq);
  }

  /** The oldest of a key, of which this was behind the one before, as `done` said. */
  follow(delivery: Delivery, until: number, behind: Behind): void {
    if (behind.seqs[0] === delivery.seq) behind.seqs.shift();
    else this.#setBehind(behind, true);
    this.#behind += behind.seqs.length;
    this.#hold(delivery, until, behind);
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
  putBack(delivery: Delivery, until: number): Behind | undefined {
    const busy = delivery.key === null ? undefined : this.#busy.get(delivery.key);
    if (busy !== undefined && delivery.seq > this.#seen) return this.done(delivery);
    if (busy?.hasOlder === true) {
      // It is itself behind older ones now.
      this.#setBehind(busy.behind, true);
      return this.done(delivery);
    }
    this.#wait(delivery, until);
    return undefined;
  }

  /** One that was taken is no more. Gives what is behind it when its key has more that was seen: the oldest is to follow, of those up to `seen`. */
  done({ seq, key }: Delivery): Behind | undefined {
    this.#held.delete(seq);
    const behind = key === null ? undefined : this.#busy.get(key)?.behind;
    if (behind === undefined) return undefined;
    this.#busy.delete(behind.key);
    this.#behind -= behind.seqs.length;
    return behind.hasMore || behind.seqs.length > 0 ? behind : undefined;
  }

  #setBehind(behind: Behind, hasMore: boolean): void {
    if (this.#busy.get(behind.key)?.behind === behind) this.#behind -= behind.seqs.length;
    behind.seqs.length = 0;
    behind.hasMore = hasMore;
  }

  #hold(delivery: Delivery, until: number, behind?: Behind): void {
    const { seq, key } = delivery;
    this.#held.add(seq);
    if (key !== null)
      this.#busy.set(key, { seq, behind: behind ?? { key, seqs: [], hasMore: false }, hasOlder: false });
    this.#wait(delivery, until);
  }

  #wait(delivery: Delivery, until: number): void {
    const at = this.#waiting.findIndex((other) => other.until > until);
    this.#waiting.splice(at === -1 ? this.#waiting.length : at, 0, { delivery, until });
  }
}
