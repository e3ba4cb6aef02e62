/** Writes down how deliveries of one service ended: all that have ended when the commit begins, together. */
import type { DeliveryEnd, SettleInput, SettleOutput } from '../../stores/event-log/event-settling.ts';
import { settle } from './settle.ts';
import type { SettleNeeds } from './settle.ts';

interface EventEndsNeeds extends SettleNeeds {
  readonly receiver: string;
  /** All that was asked for of some is done. */
  readonly written: () => void;
}

/** One that is still to be written down. */
interface Ended {
  readonly end: DeliveryEnd;
  /** What becomes of it, once that is written. */
  readonly then: () => void;
}

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
      const request = { area: 'events', name: 'settle', input };
      const output = (await settle(this.#needs, request, { receiver })) as SettleOutput | undefined;
      if (output === undefined) take();
      for (const seq of output?.damaged ?? [])
        log.error('How an event was handled cannot be written down: its row in the store is damaged', {
          ...{ receiver, seq },
        });
      for (const { then } of ended) then();
      this.#needs.written();
    }
    this.#isWriting = false;
  }
}
