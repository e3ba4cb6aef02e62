/**
 * `action.stream(...)`: an action whose items move one by one, in types. `yields` are the items that the handler gives, `items` those that it
 * is given; with both it is a two-way stream. Used by the definitions; the host runs it.
 */
import type { ActionCommon } from './service.ts';
import type { ClientCallOptions, ErrorRows, EventSchemas, Handling } from './handling.ts';
import type { In, Jsonified, Out, Schema } from './schema.ts';

type Nothing = Readonly<Record<string, never>>;
type EmptySchema = Schema<Nothing, Nothing>;

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

/** `'GET /orders/stream'`, or more. */
export type StreamRoute<Y> =
  | string
  | {
      readonly route: string;
      /** Names each item, for readers that come back: with Server-Sent Events it is the `id`. */
      readonly eventId?: (item: Y) => string | number;
      /** The field of the input that gets the id of the last item a reader has seen, when it comes back. */
      readonly resume?: string;
    };

interface StreamCommon extends Omit<ActionCommon, 'checkOutput'> {
  /** How long it may wait for its caller: an item, or room for one. Default 60,000; Infinity: for ever. */
  readonly silenceMs?: number;
}

type StreamHandling<P, R, E extends ErrorRows, Ev extends EventSchemas, I> = Handling<P, R, E, Ev> & {
  readonly input: I;
};
interface WithItems<T> {
  /** Each checked as it is read; for one reader. */
  readonly items: AsyncIterable<T>;
}

type Awaitable<T> = T | Promise<T>;
/** A generator, or a promise of one for what is to be found out first. */
export type Source<Y, O> = Awaitable<
  AsyncGenerator<Y, O, undefined> | Generator<Y, O, undefined> | AsyncIterable<Y> | Iterable<Y>
>;

export interface StreamMaker<P, R, E extends ErrorRows, Ev extends EventSchemas> {
  /** Two-way. */
  <Y extends Schema, T extends Schema, I extends Schema = EmptySchema, O extends Schema = Schema<void, null>>(
    action: StreamCommon & {
      readonly input?: I;
      readonly items: T;
      readonly yields: Y;
      readonly output?: O;
      readonly http?: StreamRoute<Jsonified<Out<Y>>>;
      readonly run: (
        handling: StreamHandling<P, R, E, Ev, Out<I>> & WithItems<Out<T>>,
      ) => Source<In<Y>, In<O>>;
    },
  ): StreamType<In<I>, In<T>, Jsonified<Out<Y>>, Jsonified<Out<O>>>;
  /** From the handler. */
  <Y extends Schema, I extends Schema = EmptySchema, O extends Schema = Schema<void, null>>(
    action: StreamCommon & {
      readonly input?: I;
      readonly items?: undefined;
      readonly yields: Y;
      readonly output?: O;
      readonly http?: StreamRoute<Jsonified<Out<Y>>>;
      readonly run: (handling: StreamHandling<P, R, E, Ev, Out<I>>) => Source<In<Y>, In<O>>;
    },
  ): StreamType<In<I>, never, Jsonified<Out<Y>>, Jsonified<Out<O>>>;
  /** To the handler. */
  <T extends Schema, O extends Schema, I extends Schema = EmptySchema>(
    action: StreamCommon & {
      readonly input?: I;
      readonly items: T;
      readonly yields?: undefined;
      readonly output: O;
      readonly http?: StreamRoute<never>;
      readonly run: (handling: StreamHandling<P, R, E, Ev, Out<I>> & WithItems<Out<T>>) => Awaitable<In<O>>;
    },
  ): StreamType<In<I>, In<T>, never, Jsonified<Out<O>>>;
}
