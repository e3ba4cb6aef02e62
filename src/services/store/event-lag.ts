/** How far each service is behind with its durable events, in time. Cheap to ask often: those that were given up are passed over once. */
import type { OldestInput, OldestOwed } from '../../stores/event-log/event-owed.ts';
import type { Receiver } from '../../stores/event-log/events-area.ts';
import type { Store } from '../../stores/sqlite/store.ts';

export interface ReceiverLag extends Receiver {
  /** How old the oldest is that it has still to get; 0: it has all. */
  readonly lagMs: number;
}

export class EventLag {
  readonly #store: Pick<Store, 'query'>;
  /** By receiver: it has got all before. */
  readonly #from = new Map<string, number>();

  constructor(store: Pick<Store, 'query'>) {
    this.#store = store;
  }

  /** @throws {TuttiError} as a query of the store. */
  read(): ReceiverLag[] {
    const receivers = this.#store.query({ area: 'events', name: 'receivers' }) as Receiver[];
    return receivers.map((one) => ({ ...one, lagMs: one.owed === 0 ? 0 : this.#lagOf(one.receiver) }));
  }

  /** Older ones than the oldest are owed to it again. */
  anew(receiver: string): void {
    this.#from.delete(receiver);
  }

  #lagOf(receiver: string): number {
    const input: OldestInput = { receiver, from: this.#from.get(receiver) ?? 0 };
    const found = this.#store.query({ area: 'events', name: 'oldest', input }) as OldestOwed | undefined;
    if (found === undefined) return 0;
    this.#from.set(receiver, found.seq);
    return found.ageMs;
  }
}
