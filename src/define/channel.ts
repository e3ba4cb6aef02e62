/**
 * `action.channel(...)`: messages both ways between a caller and one run of a handler, in types. Used by the definitions; the host runs it.
 */
import type { ActionCommon } from './action-common.ts';
import type { ChannelEnd, ChannelType } from './client.ts';
import type { ErrorRows, EventSchemas, Handling } from './handling.ts';
import type { In, Jsonified, Out, Schema } from './schema.ts';

type Nothing = Readonly<Record<string, never>>;
type EmptySchema = Schema<Nothing, Nothing>;

interface ChannelCommon extends Omit<ActionCommon, 'checkOutput'> {
  /** How long either side waits for a message. Default 60,000; Infinity: for ever. */
  readonly silenceMs?: number;
}

export type ChannelMaker<P, R, E extends ErrorRows, Ev extends EventSchemas> = <
  T extends Schema,
  Y extends Schema,
  I extends Schema = EmptySchema,
>(
  action: ChannelCommon & {
    readonly input?: I;
    /** What the handler is sent. */
    readonly receives: T;
    /** What the handler sends. */
    readonly sends: Y;
    /** Its end is the end of the channel. */
    readonly run: (
      handling: Handling<P, R, E, Ev> & {
        readonly input: Out<I>;
        readonly channel: ChannelEnd<In<Y>, Out<T>>;
      },
    ) => void | Promise<void>;
  },
) => ChannelType<In<I>, In<T>, Jsonified<Out<Y>>>;
