/**
 * When what was queued in a turn is written: at the end of the turn, or of the round of the event loop, together with what the other turns of that round have queued.
 * A round has as many turns as connections have brought something, which at a gateway are many, and a write for each of them costs as much as the call. Pure.
 */

/** Turns of which one waits for the end of its round, to see whether it was alone. A prime: it is not always the last one of its round. */
const lookEvery = 17;
/** Rounds with one turn each, after which none is waited for any more. */
const aloneRounds = 4;

export class Pace {
  #waitsForRounds = false;
  #untilLook = lookEvery;
  /** Rounds that were waited for and had one turn, one after the other. */
  #alone = 0;

  /** At the end of a turn: whether the end of its round is waited for. */
  waits(): boolean {
    if (this.#waitsForRounds) return true;
    this.#untilLook -= 1;
    if (this.#untilLook > 0) return false;
    this.#untilLook = lookEvery;
    return true;
  }

  /** A round that was waited for is over, and had so many turns. */
  had(turns: number): void {
    this.#alone = turns > 1 ? 0 : this.#alone + 1;
    if (turns > 1) this.#waitsForRounds = true;
    else if (this.#alone >= aloneRounds) this.#waitsForRounds = false;
  }
}
