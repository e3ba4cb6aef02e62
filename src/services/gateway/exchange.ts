import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Ids } from './request-context.ts';

/** A request on its way. */
export interface Exchange {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly ids: Ids;
  readonly gone: AbortSignal;
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly hasBody: boolean;
  /** Of its route, once it is known. */
  label: string | undefined;
}
