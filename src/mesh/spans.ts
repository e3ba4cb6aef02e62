/**
 * Which spans a call and an event have: one where it leaves, one where it runs; named and described as OpenTelemetry's conventions for
 * rpc and messaging ask for. Used by the caller and the call desk. Undefined everywhere when nobody traces.
 */
import { isTuttiError } from '../core/errors.ts';
import { isTracing, spanKinds, startInnerSpan, startSpan } from '../telemetry/tracing.ts';
import type { Attributes, OpenSpan, SpanSpec } from '../telemetry/tracing.ts';
import type { CallContext } from './context.ts';
import type { CallOptions } from './outgoing-call.ts';
import type { CallRequest } from './pending-call.ts';
import type { ServedCall } from './served-call.ts';

/** What we ask of each other, at each scrape. */
const isOurs = (action: string): boolean => action.startsWith('$');

const rpc = (service: string, action: string): Attributes => ({
  'rpc.system': 'tutti',
  'rpc.service': service,
  'rpc.method': action,
});

const messaging = (operation: 'send' | 'process', event: string): Attributes => ({
  'messaging.system': 'tutti',
  'messaging.operation.name': operation,
  'messaging.operation.type': operation,
  'messaging.destination.name': event,
});

/** A gateway says what it is part of; user code is in the middle of it, perhaps in a span of its own. */
const leave = (spec: SpanSpec, context: CallOptions['context'], parent: CallContext | undefined) =>
  context === undefined ? startInnerSpan(spec, parent?.trace) : startSpan(spec, context.trace);

export function callSpan(request: CallRequest, parent: CallContext | undefined): OpenSpan | undefined {
  const { service, action, options } = request;
  if (!isTracing() || isOurs(action)) return undefined;
  const attributes = rpc(service, action);
  const spec = { kind: spanKinds.client, name: `${service}/${action}`, attributes };
  return leave(spec, options.context, parent);
}

export function emitSpan(
  event: string,
  options: CallOptions,
  parent: CallContext | undefined,
): OpenSpan | undefined {
  if (!isTracing()) return undefined;
  const spec = { kind: spanKinds.producer, name: `send ${event}`, attributes: messaging('send', event) };
  return leave(spec, options.context, parent);
}

/** Begins when it runs: what it waited is between this span and the one of who called. */
export function servedSpan(service: string, call: ServedCall): OpenSpan | undefined {
  const { action, served, context } = call;
  if (!isTracing() || isOurs(action)) return undefined;
  const spec = served.isEvent
    ? { kind: spanKinds.consumer, name: `process ${action}`, attributes: messaging('process', action) }
    : { kind: spanKinds.server, name: `${service}/${action}`, attributes: rpc(service, action) };
  return startSpan(spec, context.trace);
}

const codeOf = (error: unknown): string => (isTuttiError(error) ? error.code : 'INTERNAL');

export function endCallSpan(span: OpenSpan | undefined, error?: unknown): void {
  if (error === undefined) span?.end();
  else span?.end(codeOf(error), true);
}

/** What the caller did wrong is no failure of who was asked. */
export function endServedSpan(span: OpenSpan | undefined, error?: unknown): void {
  if (error === undefined) span?.end();
  else span?.end(codeOf(error), !isTuttiError(error) || error.http >= 500);
}
