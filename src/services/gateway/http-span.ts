/**
 * The span of a request, as OpenTelemetry's conventions for HTTP describe one. Used by the request handler; undefined when nobody traces.
 * Of what a client sends it has the method and the path: the query may hold what is nobody else's.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { readTraceparent, readTracestate } from '../../core/trace.ts';
import type { Trace } from '../../core/trace.ts';
import { isTracing, spanKinds, startInnerSpan } from '../../telemetry/tracing.ts';
import type { OpenSpan } from '../../telemetry/tracing.ts';

/** What the client's own system says this request is part of. */
export function askedTrace(headers: IncomingHttpHeaders): Trace | undefined {
  const { traceparent, tracestate } = headers;
  const trace = typeof traceparent === 'string' ? readTraceparent(traceparent) : undefined;
  if (trace === undefined || typeof tracestate !== 'string') return trace;
  return { ...trace, state: readTracestate(tracestate) };
}

const known: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

export function startHttpSpan(method: string, path: string, parent: Trace | undefined): OpenSpan | undefined {
  if (!isTracing()) return undefined;
  const name = known.has(method) ? method : '_OTHER';
  const attributes = { 'http.request.method': name, 'url.path': path, 'url.scheme': 'http' };
  return startInnerSpan(
    { kind: spanKinds.server, name: known.has(method) ? method : 'HTTP', attributes },
    parent,
  );
}

/** @param label `GET /users/:id`; undefined: no route. @param status of the answer; undefined: the client left before it had one. */
export function endHttpSpan(
  span: OpenSpan | undefined,
  label: string | undefined,
  status: number | undefined,
): void {
  if (span === undefined) return;
  if (label !== undefined) {
    span.rename(label);
    span.describe({ 'http.route': label.slice(label.indexOf(' ') + 1) });
  }
  if (status === undefined) {
    span.end('CANCELLED');
    return;
  }
  span.describe({ 'http.response.status_code': status });
  if (status >= 500) span.end(String(status), true);
  else span.end();
}
