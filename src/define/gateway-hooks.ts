/**
 * What the `hooks` module of a gateway may export, in types. Used by those who write one, and by the gateway that calls it.
 */

/** A request before its body is read. A copy: what a hook changes in it changes nothing. */
export interface HttpRequest {
  readonly method: string;
  /** Without the query, still encoded. */
  readonly path: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** Of the other end of the connection, which may be a proxy. */
  readonly remoteAddress: string;
  readonly requestId: string;
}

/** For whom a request is, and what else its calls shall bring along. */
export interface Identity {
  readonly user?: string | undefined;
  readonly tenant?: string | undefined;
  readonly metadata?: Readonly<Record<string, string>> | undefined;
}

/**
 * Finds out who asks, for each request that reaches an action. Undefined: nobody in particular.
 * Throw `new TuttiError('UNAUTHENTICATED')` or `'FORBIDDEN'` to turn it away; whatever else is thrown is a 500.
 */
export type Authenticate = (request: HttpRequest) => Identity | undefined | Promise<Identity | undefined>;
