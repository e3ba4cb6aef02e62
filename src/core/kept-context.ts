/**
 * Of the request that an event or a job was kept for what is still true when it is handed over: a deadline is not. It lies beside each of them in the store, so it is
 * short: where nobody traces, the trace is its id, and that is mostly the request id too.
 */
import { isTraceId, noSpan, untraced } from './trace.ts';
import type { Trace } from './trace.ts';

export interface Kept {
  readonly requestId?: string | undefined;
  readonly trace?: Trace | undefined;
  readonly user?: string | undefined;
  readonly tenant?: string | undefined;
  readonly metadata?: Readonly<Record<string, string>> | undefined;
}

/** As JSON. */
export interface KeptContext extends Omit<Kept, 'trace'> {
  readonly trace?: string | Trace;
}

const isUntraced = ({ spanId, sampled, state }: Trace): boolean =>
  spanId === noSpan && !sampled && state === undefined;

export function keptContext({ requestId, user, tenant, metadata, ...kept }: Kept): KeptContext {
  // A request id that reads as a trace id becomes it, as in a call.
  const trace = kept.trace ?? (requestId && isTraceId(requestId) ? untraced(requestId) : undefined);
  return {
    ...(requestId && requestId !== trace?.traceId && { requestId }),
    ...(trace && { trace: isUntraced(trace) ? trace.traceId : trace }),
    ...(user && { user }),
    ...(tenant && { tenant }),
    ...(metadata && Object.keys(metadata).length > 0 && { metadata }),
  };
}

/** Undefined: it was part of no request. */
export const keptTrace = ({ trace }: KeptContext): Trace | undefined =>
  typeof trace === 'string' ? untraced(trace) : trace;

/** The id of the request; undefined: there was none. */
export const keptRequest = (context: KeptContext): string | undefined =>
  context.requestId ?? keptTrace(context)?.traceId;
