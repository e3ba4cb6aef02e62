/**
 * The typed clients a service gets as `calls`. Which actions there are is known to the types and to the callee;
 * here any name becomes a call, and a wrong one is `UNKNOWN_ACTION`.
 */
import { isActionName } from '../core/ids.ts';
import type { Remotes } from '../define/handling.ts';
import type { Channel, ChannelOptions, ClientCallOptions, ClientStreamOptions } from '../define/client.ts';
import type { Caller } from '../mesh/caller.ts';
import type { Items } from '../mesh/pump.ts';
import type { Stream } from '../mesh/stream-call.ts';
import type { CallOptions } from '../mesh/outgoing-call.ts';

interface Send {
  (input?: unknown, options?: ClientCallOptions): Promise<unknown>;
  /** `(input, options)` or `(input, items, options)`. */
  stream(input?: unknown, second?: unknown, third?: ClientStreamOptions): Stream;
  send(input: unknown, items: Items, options?: ClientStreamOptions): Promise<unknown>;
  open(input?: unknown, options?: ChannelOptions<unknown>): Promise<Channel<unknown, unknown>>;
}

const isItems = (value: unknown): value is Items =>
  typeof value === 'object' && value !== null && (Symbol.asyncIterator in value || Symbol.iterator in value);

/** A plain call, a stream that is read, one that is written, and a channel: which of them an action is its types say, and the callee. */
function senderOf(caller: Caller, service: string, action: string): Send {
  const stream = (input: unknown, items: Items | undefined, options: ClientStreamOptions = {}): Stream =>
    caller.stream(service, action, input, { ...ownOptions(options), silenceMs: options.silenceMs, items });
  return Object.assign(
    (input: unknown = {}, options?: ClientCallOptions) =>
      caller.call(service, action, input, options && ownOptions(options)),
    {
      stream: (input: unknown = {}, second?: unknown, third?: ClientStreamOptions) =>
        isItems(second)
          ? stream(input, second, third)
          : stream(input, undefined, second as ClientStreamOptions | undefined),
      send: (input: unknown, items: Items, options?: ClientStreamOptions) =>
        stream(input, items, options).result,
      open: (input: unknown = {}, options: ChannelOptions<unknown> = {}) => {
        const { silenceMs, reconnect } = options;
        return caller.channel(service, action, input, { ...ownOptions(options), silenceMs, reconnect });
      },
    },
  );
}

/** No more than the types say: what else a caller can be told is for gateways, such as the user that a call is made for. */
const ownOptions = (options: ClientCallOptions): CallOptions => {
  const { deadlineMs, priority, retries, signal, idempotencyKey, metadata } = options;
  return { deadlineMs, priority, retries, signal, idempotencyKey, metadata };
};

function client(caller: Caller, service: string): object {
  const known = new Map<string, Send>();
  return new Proxy(Object.freeze({}), {
    get(target, action) {
      // A client must never look like a promise (`then`), nor call anybody because it is printed (`toJSON`, `toString`).
      if (typeof action !== 'string' || !isActionName(action)) return Reflect.get(target, action) as unknown;
      let send = known.get(action);
      if (send === undefined) {
        send = senderOf(caller, service, action);
        known.set(action, send);
      }
      return send;
    },
  });
}

export const makeClients = (caller: Caller, remotes: Remotes): Readonly<Record<string, object>> =>
  Object.freeze(
    Object.fromEntries(Object.entries(remotes).map(([key, { remote }]) => [key, client(caller, remote)])),
  );
