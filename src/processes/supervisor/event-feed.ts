/**
 * Gives the app's events to its hook: the hook asks for what comes after a number, and is answered when there is something. So a slow hook
 * costs nothing here, and one that died is given again what it had not asked beyond: every event at least once while the app runs.
 */
import type { TuttiEvent } from '../../core/events.ts';
import type { SupervisorMessage } from '../../mesh/control-protocol.ts';
import type { EventLog } from './event-log.ts';

export interface EventFeedNeeds {
  readonly events: EventLog;
  /** Where a predecessor was; undefined in the first supervisor of a run. */
  readonly cursor: unknown;
  readonly remember: (cursor: number) => void;
  readonly send: (id: string, message: SupervisorMessage) => boolean;
}

/** A frame on the control socket is bounded, and so is an event. */
const mostAtOnce = 50;

export class EventFeed {
  readonly #needs: EventFeedNeeds;
  #cursor: number;
  /** Who waits for the next event. */
  #waiting: string | undefined;

  /** To be made before the first event of this run. */
  constructor(needs: EventFeedNeeds) {
    this.#needs = needs;
    this.#cursor = typeof needs.cursor === 'number' ? needs.cursor : needs.events.last;
  }

  /** @param after null: a process that has seen nothing yet goes on where the one before it was. */
  ask(id: string, after: number | null): void {
    if (after !== null && after > this.#cursor) {
      this.#cursor = after;
      this.#needs.remember(after);
    }
    this.#waiting = id;
    this.onEvent();
  }

  onEvent(): void {
    const id = this.#waiting;
    if (id === undefined) return;
    const { events: found, oldest } = this.#needs.events.after(this.#cursor);
    if (found.length === 0) return;
    const events: readonly TuttiEvent[] = found.slice(0, mostAtOnce);
    // Dropped before the hook came to them: it is told, not left to guess.
    const isGap = this.#cursor !== 0 && oldest > this.#cursor + 1 && events[0]?.seq === oldest;
    if (this.#needs.send(id, { op: 'events', events, isGap })) this.#waiting = undefined;
  }
}
