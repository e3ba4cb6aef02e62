/**
 * How soon a place becomes free while all are taken, and so how long a call would wait behind others: whoever would wait too long is told at
 * once, and not when it has waited. Pure: time comes in. One per action.
 */

/** Of the newest interval in the mean. */
const weight = 1 / 16;
/** What was seen longer ago says nothing: work may have become quick meanwhile. */
const staleMs = 1_000;

export class Pace {
  #everyMs: number | undefined;
  /** When the last place became free; undefined: not all were taken then. */
  #lastAt: number | undefined;

  /** A place became free. @param allWereTaken until now. */
  freed(now: number, allWereTaken: boolean): void {
    if (allWereTaken && this.#lastAt !== undefined) {
      const ms = now - this.#lastAt;
      this.#everyMs = this.#everyMs === undefined ? ms : this.#everyMs + (ms - this.#everyMs) * weight;
    }
    this.#lastAt = allWereTaken ? now : undefined;
  }

  /** Milliseconds until so many places have become free; 0 where that is not known. */
  untilFree(places: number, now: number): number {
    if (this.#lastAt === undefined || now - this.#lastAt > staleMs) return 0;
    return places * (this.#everyMs ?? 0);
  }
}
