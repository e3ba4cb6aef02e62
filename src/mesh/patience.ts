/**
 * How long a stream waits for the other side: one timer per stream, however often it waits. Used by the inbox and the outbox.
 */
import type { Clock, Timer } from '../core/ports.ts';

export class Patience {
  readonly #clock: Clock;
  readonly #waitMs: number;
  readonly #exhausted: () => void;
  #since: number | undefined;
  #timer: Timer | undefined;

  /** @param waitMs Infinity: for ever. */
  constructor(clock: Clock, waitMs: number, exhausted: () => void) {
    this.#clock = clock;
    this.#waitMs = waitMs;
    this.#exhausted = exhausted;
  }

  begin(): void {
    if (this.#waitMs === Infinity) return;
    this.#since = this.#clock.now();
    this.#timer ??= this.#clock.after(this.#waitMs, this.#look);
  }

  end(): void {
    this.#since = undefined;
  }

  close(): void {
    this.#since = undefined;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** The timer outlives a wait: it is set once per `waitMs`, not once per item. */
  readonly #look = (): void => {
    this.#timer = undefined;
    if (this.#since === undefined) return;
    const leftMs = this.#since + this.#waitMs - this.#clock.now();
    if (leftMs > 0) this.#timer = this.#clock.after(leftMs, this.#look);
    else this.#exhausted();
  };
}
