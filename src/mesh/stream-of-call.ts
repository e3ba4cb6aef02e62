/**
 * One stream at who serves it: what the host's action reads and writes, beside the call that carries it. Used by `ServedLink`.
 */
import { bounds } from '../core/bounds.ts';
import { TuttiError } from '../core/errors.ts';
import type { Clock } from '../core/ports.ts';
import type { IncomingFrame } from './frames.ts';
import { valueOf } from './item-inbox.ts';
import { MessageOutbox } from './message-outbox.ts';
import type { StreamCarrier } from './item-outbox.ts';
import { StreamEnd } from './stream-end.ts';

/** What moves on a stream, at who serves it. */
export interface ServedStream {
  /** The input is accepted: from now on the call is not made elsewhere, and items may come. */
  begin(takesItems: boolean): void;
  /** Those that come; for one reader. */
  readonly items: AsyncIterableIterator<unknown, undefined>;
  /** A promise where it has to wait. @param id of the item, for readers over HTTP. @throws what ended the stream */
  send(item: unknown, id?: string): Promise<void> | undefined;
  /** Of a channel: what goes, instead of `send`. */
  readonly messages: MessageOutbox | undefined;
  /** Of a channel: the last of `items` is; its sender hears of it. */
  taken(): void;
  /** Why it was ended from outside, if it was; then the answer is this. */
  readonly endedBy: Error | undefined;
  /** As if from outside. */
  fail(error: Error): void;
  /** Runs when it is. */
  onEnd(ended: () => void): void;
}

export interface StreamOfCallNeeds {
  readonly carrier: StreamCarrier;
  readonly clock: Clock;
  readonly number: number;
  readonly silenceMs: number;
  readonly label: string;
  readonly isChannel: boolean;
}

export class StreamOfCall implements ServedStream {
  endedBy: Error | undefined;
  hasBegun = false;
  readonly items: AsyncIterableIterator<unknown, undefined>;
  readonly messages: MessageOutbox | undefined;
  readonly #needs: StreamOfCallNeeds;
  readonly #end: StreamEnd;
  #movedAt: number;
  #onEnd: (() => void) | undefined;

  constructor(needs: StreamOfCallNeeds) {
    const { carrier, clock, number: stream, silenceMs, label } = needs;
    this.#needs = needs;
    this.messages = needs.isChannel ? new MessageOutbox(clock, label) : undefined;
    this.#movedAt = clock.now();
    const end = new StreamEnd({
      ...{ carrier, clock, stream, silenceMs, label, messages: this.messages },
      credit: { sending: bounds.streamWindowBytes, receiving: 0 },
      over: (error) => {
        // An action that has read enough goes on; one that has waited too long does not.
        if (error.code !== 'CANCELLED') this.fail(error);
      },
    });
    this.#end = end;
    this.items = {
      [Symbol.asyncIterator]() {
        return this;
      },
      next: async () => {
        const result = await end.inbox.next();
        return result.done === true ? result : { done: false, value: valueOf(result.value) };
      },
      return: () => end.inbox.return(),
    };
  }

  begin(takesItems: boolean): void {
    this.hasBegun = true;
    this.#end.begin(takesItems);
    // Nothing will come: whoever reads finds the end.
    if (!takesItems) this.#end.inbox.finish();
  }

  send(item: unknown, id?: string): Promise<void> | undefined {
    this.#movedAt = this.#needs.clock.now();
    return this.#end.outbox.send(item, id === undefined ? '' : JSON.stringify({ id }));
  }

  taken(): void {
    this.#end.inbox.taken();
  }

  /** @throws {TuttiError} `PROTOCOL_ERROR` */
  took(frame: IncomingFrame): void {
    this.#movedAt = this.#needs.clock.now();
    this.#end.took(frame);
  }

  onEnd(ended: () => void): void {
    this.#onEnd = ended;
    if (this.endedBy !== undefined) ended();
  }

  fail(error: Error): void {
    if (this.endedBy !== undefined) return;
    this.endedBy = error;
    this.#stop(error);
    this.#onEnd?.();
  }

  /** The call was answered. */
  close(): void {
    this.#stop(new TuttiError('CANCELLED', { message: 'The stream is over' }));
  }

  #stop(error: Error): void {
    this.#end.fail(error);
    this.messages?.fail(error);
  }

  /** Nothing has moved for so long that it may wait for ever. */
  isQuiet(now: number): boolean {
    return now - this.#movedAt >= bounds.streamQuietMs;
  }
}
