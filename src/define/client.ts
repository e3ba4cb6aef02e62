/**
 * What callers see of a service, in types: an action is a function, a stream is something to read or to write to. Used by the definitions;
 * the host makes the values.
 */
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
  readonly [K in keyof A]: A[K] extends StreamType<infer I, infer Items, infer Yields, infer O>
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
