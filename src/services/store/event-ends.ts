/** Writes down how deliveries of one service ended: all that have ended when the commit begins, together. */
import { isTuttiError } from '../../core/errors.ts';
import type { Clock } from '../../core/ports.ts';
import type { Log } from '../../define/handling.ts';
import type { LateRequest } from '../../stores/sqlite/area.ts';
import type { Store } from '../../stores/sqlite/store.ts';
import type { DeliveryEnd, SettleInput, SettleOutput } from '../../stores/event-log/event-settling.ts';

interface EventEndsNeeds {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  readonly receiver: string;
  /** All that was asked for of some is done; so far may be looked ahead from now on, see `OwedPage`. */
  readonly written: (horizon: number) => void;
}

/** One that is still to be written down. */
interface Ended {
  readonly end: DeliveryEnd;
  /** What becomes of it, once that is written. */
  readonly then: () => void;
}

/** Between two tries. */
const againMs = 500;

export class EventEnds {
  readonly #needs: EventEndsNeeds;
  /** Bounded by the deliveries that may be under way. */
  readonly #ended: Ended[] = [];
  #isWriting = false;

  constructor(needs: EventEndsNeeds) {
    this.#needs = needs;
  }

  add(end: DeliveryEnd, then: () => void): void {
    this.#ended.push({ end, then });
    void this.#write();
  }

  /** When the store is gone they are delivered again, by who comes after us. */
  async #write(): Promise<void> {
    if (this.#isWriting) return;
    this.#isWriting = true;
    const { receiver, log } = this.#needs;
    while (this.#ended.length > 0) {
      const ended: Ended[] = [];
      const take = (): void => {
        ended.push(...this.#ended.splice(0));
      };
      const input = (): SettleInput => {
        take();
        return { receiver, ends: ended.map(({ end }) => end) };
      };
      // After a power cut it may be delivered again.
      const request = { area: 'events', name: 'settle', input, isPatient: true };
      const output = await this.#settle(request);
      if (output === undefined) take();
      for (const seq of output?.damaged ?? [])
        log.error('How often an event was tried is counted anew: its row in the store was damaged', {
          ...{ receiver, seq },
        });
      for (const { then } of ended) then();
      this.#needs.written(output?.horizon ?? 0);
    }
    this.#isWriting = false;
  }

  /** As often as it takes. Undefined: the store is gone, and whoever comes after us knows nothing of it. */
  async #settle(request: LateRequest): Promise<SettleOutput | undefined> {
    const { store, clock, log, receiver } = this.#needs;
    for (;;) {
      try {
        return (await store.mutateLate(request)) as SettleOutput;
      } catch (error) {
        if (isTuttiError(error, 'STORE_CLOSED') || store.failure !== undefined) return undefined;
        log.error('How a delivery ended cannot be written down now', { receiver, error });
        await new Promise<void>((done) => {
          clock.after(againMs, done);
        });
      }
    }
  }
}
