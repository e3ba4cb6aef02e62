/**
 * The typed clients a service gets as `calls`. Which actions there are is known to the types and to the callee;
 * here any name becomes a call, and a wrong one is `UNKNOWN_ACTION`.
 */
import { isActionName } from '../core/ids.ts';
import type { ClientCallOptions } from '../define/handling.ts';
import type { Remotes } from '../define/handling.ts';
import type { Caller } from '../mesh/caller.ts';
import type { CallOptions } from '../mesh/outgoing-call.ts';

type Send = (input?: unknown, options?: ClientCallOptions) => Promise<unknown>;

/** No more than the types say: what else a caller can be told is for gateways, such as the user that a call is made for. */
const ownOptions = (options: ClientCallOptions): CallOptions => {
  const { deadlineMs, priority, signal, idempotencyKey, metadata } = options;
  return { deadlineMs, priority, signal, idempotencyKey, metadata };
};

function client(caller: Caller, service: string): object {
  const known = new Map<string, Send>();
  return new Proxy(Object.freeze({}), {
    get(target, action) {
      // A client must never look like a promise (`then`), nor call anybody because it is printed (`toJSON`, `toString`).
      if (typeof action !== 'string' || !isActionName(action)) return Reflect.get(target, action) as unknown;
      let send = known.get(action);
      if (send === undefined) {
        send = (input = {}, options) => caller.call(service, action, input, options && ownOptions(options));
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
