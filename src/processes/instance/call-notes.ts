/**
 * Writes down which call runs in this instance of a pool and when it must have ended, before it begins: a call may hold the event loop for
 * ever, so that nobody in here can end it. The supervisor reads it, a successor too. Used by the instance program.
 */
import { bounds } from '../../core/bounds.ts';
import { callEnd } from '../../core/pool.ts';
import type { Clock } from '../../core/ports.ts';
import type { PlaceWatcher } from '../../mesh/place.ts';
import type { Heartbeat } from './heartbeat.ts';

export interface CallNotesNeeds {
  readonly limitMs: number;
  readonly clock: Clock;
  readonly heartbeat: Heartbeat;
  /** In the order of the manifest. */
  readonly actions: readonly string[];
}

export class CallNotes implements PlaceWatcher {
  readonly #needs: CallNotesNeeds;
  #calls = 0;
  #endsBy = 0;

  constructor(needs: CallNotesNeeds) {
    this.#needs = needs;
  }

  began(action: string, deadline: number): void {
    const { clock, limitMs, heartbeat, actions } = this.#needs;
    const { endsBy, why } = callEnd(clock.now(), limitMs, deadline);
    this.#endsBy = endsBy;
    heartbeat.note({
      poolCalls: (this.#calls += 1),
      callAction: actions.indexOf(action),
      callEndsBy: endsBy,
      callUnwanted: why === 'unwanted' ? 1 : 0,
    });
  }

  /** Whoever looks at its `signal` ends before. */
  unwanted(): void {
    const endsBy = this.#needs.clock.now() + bounds.poolUnwantedMs;
    if (endsBy >= this.#endsBy) return;
    this.#endsBy = endsBy;
    this.#needs.heartbeat.note({ callEndsBy: endsBy, callUnwanted: 1 });
  }

  ended(): void {
    this.#endsBy = 0;
    this.#needs.heartbeat.note({ callEndsBy: 0 });
  }
}
