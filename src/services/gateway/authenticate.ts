/**
 * Asks the user's `authenticate` hook for whom a request is, within the time of the request. Used by the request handler.
 * The only place from which a user or tenant gets into a call; a hook that fails lets nobody in.
 */
import type { IncomingMessage } from 'node:http';
import { bounds } from '../../core/bounds.ts';
import { fromWire, isTuttiError, toWire, TuttiError } from '../../core/errors.ts';
import { isPlainObject, shown } from '../../core/options.ts';
import type { Authenticate, HttpRequest, Identity } from '../../define/gateway-hooks.ts';
import type { Log } from '../../define/handling.ts';
import type { CallContext } from '../../mesh/context.ts';
import { metadataProblem } from '../../mesh/envelope.ts';
import type { Ids } from './request-context.ts';

export interface Asking {
  readonly request: HttpRequest;
  readonly withinMs: number;
  /** The client has left. */
  readonly gone: AbortSignal;
}

/** Frozen, so that a hook that keeps or changes it meets nobody else's request. */
export function requestOf(raw: IncomingMessage, known: Pick<HttpRequest, 'path' | 'requestId'>): HttpRequest {
  const headers = Object.entries(raw.headers).map(([name, value]) => [name, String(value)]);
  return Object.freeze({
    ...known,
    method: raw.method ?? '',
    headers: Object.freeze(Object.fromEntries(headers) as Record<string, string>),
    remoteAddress: raw.socket.remoteAddress ?? '',
  });
}

/** Of a request that is for somebody: what its calls take along. */
export const contextOf = (ids: Ids, { user, tenant, metadata = {} }: Identity): Partial<CallContext> => ({
  ...ids,
  user,
  tenant,
  metadata,
});

export class Authenticator {
  readonly #hook: Authenticate;
  readonly #log: Log;

  constructor(hook: Authenticate, log: Log) {
    this.#hook = hook;
    this.#log = log;
  }

  /** @throws {TuttiError} what the hook threw, if that is a 401 or 403; `CALL_TIMED_OUT`, `CANCELLED`, `INTERNAL` */
  async identify({ request, withinMs, gone }: Asking): Promise<Identity> {
    const end = Promise.withResolvers<never>();
    const late = setTimeout(() => {
      this.#log.error('The authenticate hook did not answer in time', {
        requestId: request.requestId,
        withinMs,
      });
      end.reject(new TuttiError('CALL_TIMED_OUT', { action: 'authenticate' }));
    }, withinMs);
    const leave = (): void => {
      end.reject(new TuttiError('CANCELLED'));
    };
    gone.addEventListener('abort', leave, { once: true });
    try {
      return await Promise.race([this.#ask(request), end.promise]);
    } finally {
      clearTimeout(late);
      gone.removeEventListener('abort', leave);
    }
  }

  async #ask(request: HttpRequest): Promise<Identity> {
    try {
      return checked(await this.#hook(request));
    } catch (error) {
      // Made anew: it may be of another copy of the class, or of none.
      if (isTuttiError(error) && (error.http === 401 || error.http === 403)) throw fromWire(toWire(error));
      this.#log.error('The authenticate hook failed, the request was refused', {
        error,
        requestId: request.requestId,
      });
      throw new TuttiError('INTERNAL', {}, { cause: error });
    }
  }
}

/** User code made it: a wrong name in it could mean that somebody is nobody. */
function checked(said: unknown): Identity {
  if (said === undefined) return {};
  if (!isPlainObject(said))
    throw new TypeError(`authenticate gave ${shown(said)}, not an object or undefined`);
  const { user, tenant, metadata, ...others } = said;
  const [stranger] = Object.keys(others);
  if (stranger !== undefined)
    throw new TypeError(`authenticate gave "${stranger}"; it is user, tenant, metadata`);
  const problem = metadata === undefined ? undefined : metadataProblem(metadata);
  if (problem !== undefined) throw new TypeError(`authenticate: ${problem}`);
  return {
    user: nameOf('user', user),
    tenant: nameOf('tenant', tenant),
    metadata: metadata as Identity['metadata'],
  };
}

function nameOf(what: string, name: unknown): string | undefined {
  if (name === undefined) return undefined;
  if (typeof name === 'string' && name.length > 0 && name.length <= bounds.identityChars) return name;
  throw new TypeError(
    `authenticate: the ${what} is a text of 1 to ${String(bounds.identityChars)} characters`,
  );
}
