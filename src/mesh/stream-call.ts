/**
 * One stream at who asked for it. It is a call like any other, which begins when somebody looks at it; the caller owns that call, this the
 * items that move on it. Until it has begun over there nothing was sent and nothing read, so it may go to another instance.
 */
import { bounds } from '../core/bounds.ts';
import { TuttiError } from '../core/errors.ts';
import type { Clock } from '../core/ports.ts';
import { frameKinds } from './frames.ts';
import type { IncomingFrame } from './frames.ts';
import type { ArrivedItem } from './item-inbox.ts';
import type { StreamCarrier } from './item-outbox.ts';
import type { MessageOutbox } from './message-outbox.ts';
import { Pump } from './pump.ts';
import type { Items } from './pump.ts';
import type { CarriedStream, PendingCall, Settlers } from './pending-call.ts';
import { StreamEnd } from './stream-end.ts';

/** What somebody who asked for a stream holds. It begins with the first look at any part of it, and is read once. */
export interface Stream<Item = unknown> extends AsyncIterable<Item> {
  /** The other side has accepted the input and runs. */
  readonly begun: Promise<void>;
  /** What the action gave at its end. */
  readonly result: Promise<unknown>;
  /** Ends the other side too. After the end it is harmless. */
  cancel(reason?: unknown): void;
}

export interface StreamCallNeeds {
  readonly clock: Clock;
  readonly label: string;
  readonly items: Items | undefined;
  /** It is a channel: these go, each until it was taken. */
  readonly messages: MessageOutbox | undefined;
  /** Undefined: as the action says. */
  readonly silenceMs: number | undefined;
  /** @throws {TuttiError} when the call is refused at once. */
  readonly start: (settlers: Settlers) => PendingCall;
  readonly takeBack: (call: PendingCall, error: Error) => void;
}

export class StreamCall implements CarriedStream {
  hasBegun = false;
  readonly isChannel: boolean;
  readonly #needs: StreamCallNeeds;
  readonly #begun = Promise.withResolvers<undefined>();
  readonly #result = Promise.withResolvers<unknown>();
  #call: PendingCall | undefined;
  #end: StreamEnd | undefined;
  #pump: Pump | undefined;
  #hasStarted = false;
  #isRead = false;
  #isSettled = false;

  constructor(needs: StreamCallNeeds) {
    this.#needs = needs;
    this.isChannel = needs.messages !== undefined;
    // Whoever looks at one of the two only hears of an error there.
    this.#begun.promise.catch(() => undefined);
    this.#result.promise.catch(() => undefined);
  }

  /** What is handed out, each item read by `read`. */
  view<Item>(read: (item: ArrivedItem) => Item): Stream<Item> {
    const begun = (): Promise<void> => {
      this.#start();
      return this.#begun.promise;
    };
    const result = (): Promise<unknown> => {
      this.#start();
      return this.#result.promise;
    };
    return {
      get begun() {
        return begun();
      },
      get result() {
        return result();
      },
      cancel: (reason) => {
        this.#over(new TuttiError('CANCELLED', {}, { cause: reason }));
      },
      [Symbol.asyncIterator]: () => this.#reader(read),
    };
  }

  carriedBy(carrier: StreamCarrier, stream: number, silenceMs: number): void {
    const { clock, label, messages } = this.#needs;
    this.#end = new StreamEnd({
      ...{ carrier, clock, stream, label, messages },
      silenceMs: this.#needs.silenceMs ?? silenceMs,
      credit: { sending: 0, receiving: bounds.streamWindowBytes },
      over: (error) => {
        this.#over(error);
      },
    });
  }

  took(frame: IncomingFrame): void {
    if (!this.hasBegun) {
      if (frame.kind !== frameKinds.credit) throw refuse('an item of a stream that has not begun');
      this.hasBegun = true;
      this.#begun.resolve(undefined);
      void this.#sendItems();
    }
    if (frame.kind === frameKinds.end) throw refuse('an end from the side that answers');
    this.#end?.took(frame);
  }

  #start(): void {
    if (this.#hasStarted) return;
    this.#hasStarted = true;
    const settlers: Settlers = {
      resolve: (value) => {
        this.#settle(undefined, value);
      },
      reject: (error) => {
        this.#settle(error, undefined);
      },
    };
    try {
      this.#call = this.#needs.start(settlers);
      if (this.#isSettled) this.#call = undefined;
    } catch (error) {
      settlers.reject(error as Error);
    }
  }

  #settle(error: Error | undefined, value: unknown): void {
    this.#isSettled = true;
    this.#pump?.stop();
    if (error === undefined) {
      this.#begun.resolve(undefined);
      this.#result.resolve(value);
      this.#end?.inbox.finish();
      // Its last word, as an error would be.
      const from = this.#needs.label;
      this.#end?.stopSending(new TuttiError('CANCELLED', { message: 'The stream is over' }, { from }));
    } else {
      this.#begun.reject(error);
      this.#result.reject(error);
      this.#end?.stopSending(error);
      if ((error as { code?: unknown }).code === 'CANCELLED') this.#end?.inbox.fail(error);
      else this.#end?.inbox.finish(error);
    }
  }

  /** From this side. */
  #over(error: Error): void {
    this.#hasStarted = true;
    if (this.#isSettled) return;
    if (this.#call === undefined) this.#settle(error, undefined);
    else this.#needs.takeBack(this.#call, error);
  }

  async #sendItems(): Promise<void> {
    const { items } = this.#needs;
    const outbox = this.#end?.outbox;
    if (outbox === undefined || items === undefined) return;
    try {
      this.#pump = new Pump(items, (item) => outbox.send(item));
      await this.#pump.run();
      outbox.end();
    } catch (error) {
      // After the end nobody wants the rest; before it, what the items threw is how the stream ends.
      this.#over(error as Error);
    }
  }

  #reader<Item>(read: (item: ArrivedItem) => Item): AsyncIterator<Item, undefined> {
    if (this.#isRead) throw new Error('A stream is read once');
    this.#isRead = true;
    this.#start();
    const next = async (): Promise<IteratorResult<Item, undefined>> => {
      if (!this.hasBegun) await this.#begun.promise;
      const result = (await this.#end?.inbox.next()) ?? over;
      return result.done === true ? over : { done: false, value: this.#read(read, result.value) };
    };
    return {
      next,
      return: async () => {
        this.#over(new TuttiError('CANCELLED', { message: 'The reader of the stream wanted no more' }));
        await this.#end?.inbox.return();
        return over;
      },
    };
  }

  /** What cannot be read ends the stream, here and there. */
  #read<Item>(read: (item: ArrivedItem) => Item, item: ArrivedItem): Item {
    try {
      const value = read(item);
      this.#end?.inbox.taken();
      return value;
    } catch (cause) {
      const error = new TuttiError('INVALID_OUTPUT', { action: this.#needs.label }, { cause });
      this.#over(error);
      throw error;
    }
  }
}

const over = { done: true, value: undefined } as const;
const refuse = (reason: string): TuttiError => new TuttiError('PROTOCOL_ERROR', { reason });
