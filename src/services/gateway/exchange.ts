import type { IncomingMessage, ServerResponse } from 'node:http';
import type { CallContext } from '../../mesh/context.ts';
import type { OpenSpan } from '../../telemetry/tracing.ts';
import type { Connection } from './connections.ts';
import type { Ids } from './request-context.ts';

/** A request on its way. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly ids: Ids;
  /** What its calls are part of, and for whom they are, once that is known. */
  context: Partial<CallContext>;
  /** Undefined: nobody traces. */
  readonly span: OpenSpan | undefined;
  readonly connection: Connection;
  readonly gone: AbortSignal;
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly hasBody: boolean;
  /** Of its route, once it is known. */
  label: string | undefined;
}
