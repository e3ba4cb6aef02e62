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

interface StreamCommon extends Omit<ActionCommon, 'checkOutput' | 'deadlineMs'> {
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

/** Absent: there are none that way. */
type Optional = Schema | undefined;
type ItemsIn<T> = T extends Schema ? { readonly items: T } : { readonly items?: undefined };
type YieldsOut<Y> = Y extends Schema ? { readonly yields: Y } : { readonly yields?: undefined };
type Gives<Y, O> = Y extends Schema ? Source<In<Y>, In<O>> : Awaitable<In<O>>;
/** `never`: nothing moves that way. */
type Moving<T, Direction> = T extends Schema ? Direction : never;

/** One signature and no overloads: what a handler returns is then held against its own schema, literals included. */
export type StreamMaker<P, R, E extends ErrorRows, Ev extends EventSchemas> = <
  I extends Schema = EmptySchema,
  T extends Optional = undefined,
  Y extends Optional = undefined,
  O extends Schema = Schema<void, null>,
>(
  action: StreamCommon & {
    readonly input?: I;
    readonly output?: O;
    readonly http?: StreamRoute<Jsonified<Out<Y>>>;
    readonly run: (
      handling: StreamHandling<P, R, E, Ev, Out<I>> & (T extends Schema ? WithItems<Out<T>> : unknown),
    ) => Gives<Y, O>;
  } & ItemsIn<T> &
    YieldsOut<Y>,
) => StreamType<In<I>, Moving<T, In<T>>, Moving<Y, Jsonified<Out<Y>>>, Jsonified<Out<O>>>;
