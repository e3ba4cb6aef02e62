/**
 * The one place of an instance in a pool: callers ask for it, one at a time has it, and its call runs alone. Who asks while a call holds the
 * event loop is heard when that is over, and may have got a place elsewhere by then: no call ever waits here behind another.
 * Used by the call desk; who is told when a call runs too long is the watcher's affair.
 */
import { bounds } from '../core/bounds.ts';
import type { Clock, Timer } from '../core/ports.ts';

/** A connection to a caller. */
export interface PlaceAsker {
  /** The call of this number may come. */
  givePlace(number: number): void;
}

/** Is told synchronously, before the call can hold the event loop. */
export interface PlaceWatcher {
  /** @param deadline of the caller, who does not wait after it. */
  began(action: string, deadline: number): void;
  /** Its caller has given up. */
  unwanted(): void;
  ended(): void;
}

/** What the place must know of a call. */
export interface PlacedCall {
  readonly number: number;
  readonly action: string;
  readonly origin: PlaceAsker;
  readonly context: { readonly deadline: number };
}

interface Kept {
  readonly asker: PlaceAsker;
  readonly number: number;
  readonly timer: Timer;
}

export class Place {
  readonly #clock: Clock;
  readonly #watcher: PlaceWatcher;
  /** In order of arrival, one question for each connection. */
  readonly #asking = new Map<PlaceAsker, number>();
  #kept: Kept | undefined;
  #running: PlacedCall | undefined;
  #isClosed = false;

  constructor(clock: Clock, watcher: PlaceWatcher) {
    this.#clock = clock;
    this.#watcher = watcher;
  }

  ask(asker: PlaceAsker, number: number): void {
    this.#asking.set(asker, number);
    this.#giveNext();
  }

  /** The caller does not want it, or not any more. */
  takeBack(asker: PlaceAsker, number: number): void {
    if (this.#asking.get(asker) === number) this.#asking.delete(asker);
    if (this.#kept?.asker === asker && this.#kept.number === number) this.#free();
  }

  gone(asker: PlaceAsker): void {
    this.#asking.delete(asker);
    if (this.#kept?.asker === asker) this.#free();
  }

  /** False: it is somebody else's. True: it runs from now on, until `leave`. */
  enter(call: PlacedCall): boolean {
    const isKept = this.#kept?.number === call.number && this.#kept.asker === call.origin;
    if (this.#running !== undefined || (this.#kept !== undefined && !isKept)) return false;
    this.#kept?.timer.cancel();
    this.#kept = undefined;
    this.#running = call;
    this.#watcher.began(call.action, call.context.deadline);
    return true;
  }

  unwanted(call: PlacedCall): void {
    if (this.#running === call) this.#watcher.unwanted();
  }

  leave(): void {
    this.#running = undefined;
    this.#watcher.ended();
    this.#giveNext();
  }

  /** Nobody gets it any more. */
  close(): void {
    this.#isClosed = true;
    this.#kept?.timer.cancel();
    this.#asking.clear();
  }

  #free(): void {
    this.#kept?.timer.cancel();
    this.#kept = undefined;
    this.#giveNext();
  }

  #giveNext(): void {
    if (this.#isClosed || this.#kept !== undefined || this.#running !== undefined) return;
    const [first] = this.#asking;
    if (first === undefined) return;
    const [asker, number] = first;
    this.#asking.delete(asker);
    // A caller that stands still must not keep it from the others.
    const timer = this.#clock.after(bounds.poolPlaceMs, () => {
      this.#free();
    });
    this.#kept = { asker, number, timer };
    asker.givePlace(number);
  }
}
