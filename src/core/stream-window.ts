/**
 * Credit of one direction of a stream: how many bytes may be under way that the other side has not consumed. Pure.
 * The receiver grants what it has consumed, half a window at a time; an item is never larger than the other half, so that a sender whose
 * items have all been consumed can always send one more. Used by both sides of the mesh.
 */
import { bounds } from './bounds.ts';
import { TuttiError } from './errors.ts';

const refuse = (reason: string): TuttiError => new TuttiError('PROTOCOL_ERROR', { reason });

export class SendWindow {
  #credit: number;

  constructor(credit: number) {
    this.#credit = credit;
  }

  has(bytes: number): boolean {
    return bytes <= this.#credit;
  }

  sent(bytes: number): void {
    this.#credit -= bytes;
  }

  /** @throws {TuttiError} `PROTOCOL_ERROR` when it is more than was ever sent. */
  granted(bytes: number): void {
    this.#credit += bytes;
    if (this.#credit > bounds.streamWindowBytes) throw refuse('more credit than a window');
  }
}

export class ReceiveWindow {
  #credit: number;
  #consumed = 0;

  constructor(credit: number) {
    this.#credit = credit;
  }

  /** @throws {TuttiError} `PROTOCOL_ERROR` when the sender had no credit for it. */
  received(bytes: number): void {
    if (bytes > this.#credit) throw refuse('an item beyond the window');
    this.#credit -= bytes;
  }

  /** Gives what is to be granted now; 0: nothing yet. */
  consumed(bytes: number): number {
    this.#consumed += bytes;
    if (this.#consumed < bounds.streamWindowBytes / 2) return 0;
    return this.grant(this.#consumed);
  }

  grant(bytes: number): number {
    this.#consumed = 0;
    this.#credit += bytes;
    return bytes;
  }
}
