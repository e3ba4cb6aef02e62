/**
 * Sends the items of a stream, one after the other, as far as the reader's credit and the connection let it. Holds one item at most.
 * Used by both sides of a stream; whoever sends waits for each item before the next.
 */
import { bounds } from '../core/bounds.ts';
import { TuttiError } from '../core/errors.ts';
import { SendWindow } from '../core/stream-window.ts';
import { bodyOf } from './body.ts';
import { frameKinds, makeFrame } from './frames.ts';
import type { OutgoingFrame } from './frames.ts';
import type { Patience } from './patience.ts';

/** The connection, as far as a stream needs it. */
export interface StreamCarrier {
  readonly hasRoom: boolean;
  whenRoom(resume: () => void): void;
  send(frame: OutgoingFrame): boolean;
  /** A word that has to arrive. */
  say(word: OutgoingFrame): void;
}

export interface ItemOutboxNeeds {
  readonly carrier: StreamCarrier;
  readonly stream: number;
  /** What the reader has granted already. */
  readonly credit: number;
  readonly patience: Patience;
}

interface Waiting {
  readonly frame: OutgoingFrame;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

export class ItemOutbox {
  readonly #needs: ItemOutboxNeeds;
  readonly #window: SendWindow;
  #waiting: Waiting | undefined;
  #isListening = false;
  #error: Error | undefined;

  constructor(needs: ItemOutboxNeeds) {
    this.#needs = needs;
    this.#window = new SendWindow(needs.credit);
  }

  /**
   * A promise only where it has to wait: an item costs none otherwise.
   * @throws {TuttiError} `PAYLOAD_TOO_LARGE`, what ended the stream; or what `JSON.stringify` throws.
   */
  send(item: unknown, envelope = ''): Promise<void> | undefined {
    if (this.#error !== undefined) throw this.#error;
    const frame = makeFrame(frameKinds.data, this.#needs.stream, { body: bodyOf(item) || 'null', envelope });
    if (frame.bytes > bounds.streamItemBytes)
      throw new TuttiError('PAYLOAD_TOO_LARGE', { limitBytes: bounds.streamItemBytes });
    if (this.#mayGo(frame)) {
      this.#go(frame);
      return undefined;
    }
    return new Promise((resolve, reject) => {
      this.#waiting = { frame, resolve, reject };
      this.#wait();
    });
  }

  /** There are no more. */
  end(): void {
    if (this.#error === undefined) this.#needs.carrier.say(makeFrame(frameKinds.end, this.#needs.stream));
  }

  /** @throws {TuttiError} `PROTOCOL_ERROR` */
  granted(bytes: number): void {
    this.#window.granted(bytes);
    this.#resume();
  }

  fail(error: Error): void {
    this.#error ??= error;
    this.#needs.patience.close();
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.reject(this.#error);
  }

  #mayGo(frame: OutgoingFrame): boolean {
    return this.#window.has(frame.bytes) && this.#needs.carrier.hasRoom;
  }

  #go(frame: OutgoingFrame): void {
    this.#window.sent(frame.bytes);
    this.#needs.carrier.send(frame);
  }

  #wait(): void {
    this.#needs.patience.begin();
    if (this.#isListening || this.#needs.carrier.hasRoom) return;
    this.#isListening = true;
    this.#needs.carrier.whenRoom(() => {
      this.#isListening = false;
      this.#resume();
    });
  }

  #resume(): void {
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    if (!this.#mayGo(waiting.frame)) {
      this.#wait();
      return;
    }
    this.#waiting = undefined;
    this.#needs.patience.end();
    this.#go(waiting.frame);
    waiting.resolve();
  }
}
