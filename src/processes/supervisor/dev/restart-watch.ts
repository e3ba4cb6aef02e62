/**
 * Looks on until those who start anew are ready, one of them shows that it will not be, or it takes too long to be silent about it.
 * Says one of these once; the next change ends it.
 */
import type { SlotState } from '../../../core/instance-state.ts';
import type { Clock, Timer } from '../../../core/ports.ts';
import type { RunningApp } from '../running-app.ts';

export type RestartEnd =
  | { readonly end: 'ready' }
  | { readonly end: 'trouble'; readonly slot: SlotState }
  | { readonly end: 'waiting'; readonly slot: SlotState };

export interface RestartWatchNeeds {
  readonly app: RunningApp;
  readonly clock: Clock;
  readonly services: readonly string[];
  readonly onEnd: (end: RestartEnd) => void;
}

const patienceMs = 10_000;

export class RestartWatch {
  readonly #needs: RestartWatchNeeds;
  readonly #off: () => void;
  readonly #limit: Timer;
  #isClosed = false;

  constructor(needs: RestartWatchNeeds) {
    this.#needs = needs;
    this.#off = needs.app.onEvent(() => {
      this.#look();
    });
    this.#limit = needs.clock.after(patienceMs, () => {
      const slot = this.#slots().find(({ state }) => state !== 'ready');
      if (slot !== undefined) this.#end({ end: 'waiting', slot });
    });
    this.#look();
  }

  close(): void {
    this.#isClosed = true;
    this.#off();
    this.#limit.cancel();
  }

  #slots(): SlotState[] {
    return this.#needs.services.flatMap((service) => this.#needs.app.slots.of(service));
  }

  #look(): void {
    const slots = this.#slots();
    // `unready`: it has started, and it says itself what it lacks.
    const bad = slots.find(({ state }) => state === 'backoff' || state === 'failed' || state === 'unready');
    // The first failure of a process is followed by a start at once: only its count tells.
    const ended = slots.find(
      ({ state, failures }) => failures > 0 && (state === 'pending' || state === 'starting'),
    );
    const trouble = bad ?? ended;
    if (trouble !== undefined) this.#end({ end: 'trouble', slot: trouble });
    else if (slots.every(({ state }) => state === 'ready' || state === 'stopped'))
      this.#end({ end: 'ready' });
  }

  #end(end: RestartEnd): void {
    if (this.#isClosed) return;
    this.close();
    this.#needs.onEnd(end);
  }
}
