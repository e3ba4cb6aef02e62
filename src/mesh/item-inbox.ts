/**
 * Items of a stream that have arrived, until they are read: an async iterator for one reader. Holds a window at most, since the sender
 * gets credit only for what was read; a sender that does not care loses the connection. Used by both sides of a stream.
 */
import { ReceiveWindow } from '../core/stream-window.ts';
import { parseBody } from './body.ts';
import { frameFlags, readBodyBytes, readBodyText, readEnvelopeText } from './frames.ts';
import type { IncomingFrame } from './frames.ts';
import type { Patience } from './patience.ts';

/** As it came: JSON text or bytes, and the text of its envelope, empty where there is none. */
export interface ArrivedItem {
  readonly body: string | Buffer;
  readonly envelope: string;
}

export interface ItemInboxNeeds {
  /** What the sender may send before anything was granted. */
  readonly credit: number;
  readonly patience: Patience;
  /** Granted is what the reader says it has taken, one by one, and not what was handed to it. */
  readonly isReceipted: boolean;
  readonly grant: (bytes: number) => void;
  /** The reader wants no more, before the end. */
  readonly left: () => void;
}

interface Held extends ArrivedItem {
  readonly bytes: number;
}

interface Reader {
  readonly resolve: (result: IteratorResult<ArrivedItem, undefined>) => void;
  readonly reject: (error: Error) => void;
}

const done = { done: true, value: undefined } as const;

/** What a reader of values gets. @throws {TuttiError} `PROTOCOL_ERROR`, `INVALID_INPUT` as `parseBody` */
export const valueOf = ({ body }: ArrivedItem): unknown =>
  typeof body === 'string' ? parseBody(body) : body;

export class ItemInbox implements AsyncIterableIterator<ArrivedItem, undefined> {
  readonly #needs: ItemInboxNeeds;
  readonly #window: ReceiveWindow;
  #held: Held[] = [];
  /** Bytes of the one that was handed out and is not taken. */
  #handedBytes = 0;
  #reader: Reader | undefined;
  #isOver = false;
  #error: Error | undefined;

  constructor(needs: ItemInboxNeeds) {
    this.#needs = needs;
    this.#window = new ReceiveWindow(needs.credit);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** To a sender that had none. */
  open(credit: number): number {
    return this.#window.grant(credit);
  }

  /** @throws {TuttiError} `PROTOCOL_ERROR` when it is more than was granted. */
  take(frame: IncomingFrame): void {
    const bytes = frame.end - frame.start;
    this.#window.received(bytes);
    if (this.#isOver) return;
    const isRaw = (frame.flags & frameFlags.raw) !== 0;
    const body = isRaw ? readBodyBytes(frame) : readBodyText(frame);
    const item = { body, envelope: readEnvelopeText(frame), bytes };
    const reader = this.#reader;
    if (reader === undefined) this.#held.push(item);
    else this.#hand(reader, item);
  }

  /** What was held is still read, then the end, or the error. */
  finish(error?: Error): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#error = error;
    this.#needs.patience.close();
    if (this.#reader !== undefined) this.#end(this.#reader);
  }

  /** What was held is forgotten. */
  fail(error: Error): void {
    this.#held = [];
    this.finish(error);
  }

  next(): Promise<IteratorResult<ArrivedItem, undefined>> {
    return new Promise((resolve, reject) => {
      const item = this.#held.shift();
      if (item !== undefined) {
        this.#consumed(item);
        resolve({ done: false, value: item });
      } else if (this.#isOver) {
        this.#end({ resolve, reject });
      } else if (this.#reader !== undefined) {
        reject(new Error('A stream has one reader, which asks for one item at a time'));
      } else {
        this.#reader = { resolve, reject };
        this.#needs.patience.begin();
      }
    });
  }

  return(): Promise<IteratorReturnResult<undefined>> {
    this.#held = [];
    if (!this.#isOver) {
      this.finish();
      this.#needs.left();
    }
    this.#error = undefined;
    return Promise.resolve(done);
  }

  /** The last one that was handed out, where receipts are given; otherwise there is nothing to do. */
  taken(): void {
    const bytes = this.#handedBytes;
    this.#handedBytes = 0;
    if (bytes > 0) this.#needs.grant(this.#window.grant(bytes));
  }

  #hand(reader: Reader, item: Held): void {
    this.#reader = undefined;
    this.#needs.patience.end();
    this.#consumed(item);
    reader.resolve({ done: false, value: item });
  }

  #consumed({ bytes }: Held): void {
    if (this.#needs.isReceipted) {
      this.#handedBytes = bytes;
      return;
    }
    const credit = this.#window.consumed(bytes);
    if (credit > 0 && !this.#isOver) this.#needs.grant(credit);
  }

  /** An error is told once; after it there is nothing. */
  #end({ resolve, reject }: Reader): void {
    this.#reader = undefined;
    const error = this.#error;
    this.#error = undefined;
    if (error === undefined) resolve(done);
    else reject(error);
  }
}
