/**
 * Makes the answer to any error: the problem, its headers, and the shape that a user's hook gives it.
 * Used by the request handler, and by the server for what never became a request.
 */
import type { Log } from '../../define/handling.ts';
import { TuttiError } from '../../core/errors.ts';
import { jsonType } from './answer.ts';
import type { Answer } from './answer.ts';
import { asTuttiError, refusalOf } from './problem.ts';
import type { Problem } from './problem.ts';
import { dataHeaders } from './security-headers.ts';

export interface RefusedRequest {
  readonly requestId: string;
  /** Empty when the head could not be read. */
  readonly method: string;
  readonly path: string;
}

const problemType = 'application/problem+json; charset=utf-8';

/** A user's function that gives the body another shape; the status stays. Undefined: the problem as it is. */
export type OnError = (problem: Problem, request: RefusedRequest) => object | undefined;

export class Refuser {
  readonly #log: Log;
  readonly #onError: OnError | undefined;

  constructor(log: Log, onError: OnError | undefined) {
    this.#log = log;
    this.#onError = onError;
  }

  /** What ends an answer that was begun: its shape is ours. */
  problemOf(error: unknown, requestId: string): Problem {
    return refusalOf(this.#known(error, requestId), requestId).problem;
  }

  #known(error: unknown, requestId: string): TuttiError {
    const known = asTuttiError(error);
    if (known !== error && known.code === 'INTERNAL')
      this.#log.error('The gateway failed on a request', { error, requestId });
    return known;
  }

  refuse(error: unknown, request: RefusedRequest): Answer {
    const known = this.#known(error, request.requestId);
    const { problem, retryAfter } = refusalOf(known, request.requestId);
    const shaped = this.#shape(problem, request);
    const allow = known.data['allow'];
    return {
      status: problem.status,
      contentType: shaped === undefined ? problemType : jsonType,
      headers: {
        ...dataHeaders,
        // RFC 9110: a 401 says how to do better.
        ...(problem.status === 401 ? { 'www-authenticate': 'Bearer' } : {}),
        ...(retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) }),
        ...(known.code === 'UPGRADE_REQUIRED' ? { upgrade: 'websocket' } : {}),
        ...(known.code === 'METHOD_NOT_ALLOWED' && typeof allow === 'string' ? { allow } : {}),
      },
      body: shaped ?? JSON.stringify(problem),
    };
  }

  /** A hook that fails must not hide what the client did wrong. */
  #shape(problem: Problem, request: RefusedRequest): string | undefined {
    if (this.#onError === undefined) return undefined;
    try {
      const body: unknown = this.#onError(problem, request);
      if (body === undefined) return undefined;
      const isBody = typeof body === 'object' && body !== null && !(body instanceof Promise);
      if (!isBody)
        throw new TuttiError('INVALID_OUTPUT', {
          message: 'onError must give an object or undefined, at once',
        });
      return JSON.stringify(body);
    } catch (error) {
      this.#log.error('The onError hook failed, the plain problem was sent', { error, code: problem.code });
      return undefined;
    }
  }
}
