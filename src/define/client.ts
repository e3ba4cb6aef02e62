/**
 * What callers see of a service, in types: an action is a function, a stream is something to read or to write to, a channel is opened.
 * Used by the definitions; the host makes the values.
 */
import type { TuttiError } from '../core/errors.ts';

/** An action as its callers see it: only types, no value ever has these fields. */
export interface ActionType<I, O> {
  readonly in?: I;
  readonly out?: O;
}

export interface ClientCallOptions {
  /** Default: as the action says, or 5,000; a nested call never gets more than what remains of its own. */
  readonly deadlineMs?: number;
  /** 0, the lowest, to 9: who is served first where calls wait. Calls that this one makes have it too. */
  readonly priority?: number;
  /** Times that it may be made once more, where that is harmless. Default: as the action says, or 2. */
  readonly retries?: 0 | 1 | 2;
  readonly signal?: AbortSignal;
  /** The callee's handler receives it; makes the call one that may be retried. */
  readonly idempotencyKey?: string;
  /** Texts for this call and all that it brings about, added to those that this one was made with; 4 KiB as JSON. */
  readonly metadata?: Readonly<Record<string, string>>;
}

type Arguments<I> =
  Record<string, never> extends I
    ? [input?: I, options?: ClientCallOptions]
    : [input: I, options?: ClientCallOptions];

export type Client<A> = {
  readonly [K in keyof A]: 'channel' extends keyof A[K]
    ? A[K] extends ChannelType<infer I, infer Sent, infer Received>
      ? ChannelClient<I, Sent, Received>
      : never
    : A[K] extends StreamType<infer I, infer Items, infer Yields, infer O>
      ? 'yields' extends keyof A[K]
        ? StreamClient<I, Items, Yields, O>
        : (...args: Arguments<I>) => Promise<O>
      : never;
};

/** A stream as its callers see it: only types, no value ever has these fields. */
export interface StreamType<I, Items, Yields, O> {
  readonly in?: I;
  readonly items?: (item: Items) => void;
  readonly yields?: Yields;
  readonly out?: O;
}

export interface ClientStreamOptions extends Omit<ClientCallOptions, 'deadlineMs'> {
  /** For the whole of it; default: none, but that of the call it is part of. */
  readonly deadlineMs?: number;
  /** How long it waits for an item, or until the other side takes one; default: as the action says, or 60,000. Infinity: for ever. */
  readonly silenceMs?: number;
}

/** Read once, with `for await`; it begins when that does. Leaving the loop ends the other side too. */
export interface ItemStream<Item, O> extends AsyncIterable<Item> {
  /** The other side has accepted the input and runs. */
  readonly begun: Promise<void>;
  /** What the handler returned. */
  readonly result: Promise<O>;
  /** Ends both sides. After the end it is harmless. */
  cancel(reason?: unknown): void;
}

type ItemsOf<T> = AsyncIterable<T> | Iterable<T>;
type InputArgument<I> = Record<string, never> extends I ? [input?: I] : [input: I];

export type StreamClient<I, Items, Yields, O> = [Yields] extends [never]
  ? { send(input: I, items: ItemsOf<Items>, options?: ClientStreamOptions): Promise<O> }
  : [Items] extends [never]
    ? { stream(...args: [...InputArgument<I>, options?: ClientStreamOptions]): ItemStream<Yields, O> }
    : { stream(input: I, items: ItemsOf<Items>, options?: ClientStreamOptions): ItemStream<Yields, O> };

export interface SendOptions {
  /** Until the other side must have taken it. Default 5,000; Infinity: as long as the channel is open. */
  readonly deadlineMs?: number;
}

/** Read with `for await`, by one loop at a time; leaving the loop ends nothing. */
export interface ChannelEnd<Sent, Received> extends AsyncIterable<Received> {
  /**
   * Resolves when the other side has taken it: its loop was given it. Otherwise the error says in `data.executed` what is known of it:
   * `no`, it was not taken and never will be, or `unknown`.
   */
  send(message: Sent, options?: SendOptions): Promise<void>;
}

export interface Channel<Sent, Received> extends ChannelEnd<Sent, Received>, AsyncDisposable {
  /**
   * Sends no more, and waits until the handler has returned. Twice is harmless.
   * @throws {TuttiError} how the channel ended, if nobody has heard of it; `CALL_TIMED_OUT` beyond the deadline (5,000), then it is cancelled.
   */
  close(options?: SendOptions): Promise<void>;
  /** Ends both sides at once. After the end it is harmless. */
  cancel(reason?: unknown): void;
}

/** A channel as its callers see it: only types, no value ever has these fields. */
export interface ChannelType<I, Sent, Received> {
  readonly in?: I;
  readonly channel?: (sent: Sent) => Received;
}

/** What becomes of a channel whose instance died or stops: another run of the handler, at any instance. */
export interface Reconnect<I> {
  /** After a loss it is tried for so long; then the channel ends. */
  readonly forMs: number;
  /** The loss, and what the next run begins with: it knows nothing of the one before. */
  readonly input: (loss: TuttiError) => I;
}

export interface ChannelOptions<I> extends Omit<ClientCallOptions, 'deadlineMs' | 'idempotencyKey'> {
  /** How long it waits for a message; default: as the action says, or 60,000. Infinity: for ever. */
  readonly silenceMs?: number;
  /** Absent: the channel ends with its instance. */
  readonly reconnect?: Reconnect<I>;
}

type OpenArguments<I> =
  Record<string, never> extends I
    ? [input?: I, options?: ChannelOptions<I>]
    : [input: I, options?: ChannelOptions<I>];

export interface ChannelClient<I, Sent, Received> {
  /** Resolves when the handler runs. @throws {TuttiError} what a call may fail with. */
  open(...args: OpenArguments<I>): Promise<Channel<Sent, Received>>;
}
