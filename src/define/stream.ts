/**
 * `action.stream(...)`: an action whose items move one by one, in types. `yields` are the items that the handler gives, `items` those that it
 * is given; with both it is a two-way stream. Used by the definitions; the host runs it.
 */
import type { ActionCommon } from './action-common.ts';
import type { StreamType } from './client.ts';
import type { ErrorRows, EventSchemas, Handling } from './handling.ts';
import type { In, Jsonified, Out, Schema } from './schema.ts';

type Nothing = Readonly<Record<string, never>>;
type EmptySchema = Schema<Nothing, Nothing>;

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
