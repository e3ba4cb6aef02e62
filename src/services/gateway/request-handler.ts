/**
 * One request from its head to its answer: check the head, find the route, read the body, call the action, send what it gave.
 * Every error, whoever made it, leaves through `refuse`. Used by the server.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { hasContent } from '../../core/content-type.ts';
import { TuttiError } from '../../core/errors.ts';
import { traceField } from '../../core/trace.ts';
import type { Identity } from '../../define/gateway-hooks.ts';
import type { Log } from '../../define/handling.ts';
import type { Caller } from '../../mesh/caller.ts';
import type { Answer } from './answer.ts';
import { contextOf, requestOf } from './authenticate.ts';
import type { Authenticator } from './authenticate.ts';
import { parseJsonBody } from './body-guard.ts';
import type { Connections } from './connections.ts';
import type { Exchange } from './exchange.ts';
import type { HttpMetrics } from './http-metrics.ts';
import { askedTrace, endHttpSpan, startHttpSpan } from './http-span.ts';
import type { Refuser } from './refuser.ts';
import { checkMediaType, readBody } from './read-body.ts';
import type { Idempotency } from './idempotency.ts';
import { readDeadlineMs, readIdempotencyKey, readIds } from './request-context.ts';
import { announcesBody, checkHead, splitUrl } from './request-head.ts';
import type { ActionRoute, Match, Route, Router } from './router.ts';
import type { RouteParams } from './route-input.ts';
import type { StreamHandler } from './stream-handler.ts';
import type { AnswerSystemRoute } from './system-routes.ts';
import type { UnreadAnswers } from './unread-answers.ts';

export interface RequestHandlerNeeds {
  readonly caller: Caller;
  readonly router: () => Router;
  readonly system: AnswerSystemRoute;
  readonly streams: StreamHandler;
  readonly connections: Connections;
  readonly metrics: HttpMetrics;
  readonly unread: UnreadAnswers;
  readonly refuser: Refuser;
  /** Undefined: nobody asks who asks. */
  readonly authenticator: Authenticator | undefined;
  /** Undefined: the app has no store to keep answers in. */
  readonly idempotency: Idempotency | undefined;
  readonly log: Log;
  readonly isDraining: () => boolean;
  /** Only names of this machine in `Host`. */
  readonly localOnly: boolean;
  readonly bodyLimit: number;
  readonly bodyMs: number;
  readonly deadlineMs: number;
}

/** What a request shall do. */
interface ActionCall {
  readonly route: ActionRoute;
  readonly params: RouteParams;
  readonly deadlineMs: number;
}

/** For the books, of a client that left before its answer: nobody is sent it. */
const leftStatus = 499;
const noBody = {};
const noBytes = Buffer.alloc(0);
const bodyless: ReadonlySet<string> = new Set(['GET', 'HEAD', 'DELETE']);

export class RequestHandler {
  readonly #needs: RequestHandlerNeeds;

  constructor(needs: RequestHandlerNeeds) {
    this.#needs = needs;
  }

  readonly handle = (request: IncomingMessage, response: ServerResponse): void => {
    const exchange = this.#begin(request, response);
    if (exchange === undefined) return;
    try {
      this.#serve(exchange)
        .then((answer) => {
          if (answer !== undefined) this.#send(exchange, answer);
        })
        .catch((error: unknown) => {
          this.#refuse(exchange, error);
        });
    } catch (error) {
      this.#refuse(exchange, error);
    }
  };

  /** Undefined: it came when its connection was told to close. */
  #begin(request: IncomingMessage, response: ServerResponse): Exchange | undefined {
    const connection = this.#needs.connections.begin(request, response);
    if (connection === undefined) {
      request.resume();
      return undefined;
    }
    const { method = '', headers } = request;
    const { path, query } = splitUrl(request.url ?? '/');
    const asked = askedTrace(headers);
    const span = startHttpSpan(method, path, asked);
    const ids = readIds(headers, span?.trace ?? asked);
    const exchange: Exchange = {
      request,
      response,
      ids,
      context: ids,
      span,
      connection,
      gone: connection.gone.signal,
      method,
      path,
      query,
      hasBody: announcesBody(headers),
      label: undefined,
    };
    this.#measure(exchange);
    return exchange;
  }

  #measure(exchange: Exchange): void {
    const { metrics, log, connections } = this.#needs;
    const startedAt = performance.now();
    metrics.inFlight += 1;
    const { response } = exchange;
    response.once('close', () => {
      const now = performance.now();
      metrics.inFlight -= 1;
      connections.end(exchange.connection, now);
      const tookMs = now - startedAt;
      const status = response.writableFinished ? response.statusCode : leftStatus;
      const { method, label, ids, span } = exchange;
      metrics.count({ label, status, seconds: tookMs / 1_000 });
      endHttpSpan(span, label, status === leftStatus ? undefined : status);
      const { requestId, trace } = ids;
      const route = label ?? 'none';
      log.debug('Request answered', { method, route, status, tookMs, requestId, ...traceField(trace) });
    });
  }

  /** Undefined: a stream, whose answer was written where it came. */
  #serve(exchange: Exchange): Promise<Answer | undefined> {
    const { method, path, hasBody } = exchange;
    checkHead(exchange.request, this.#needs.localOnly);
    const match = this.#needs.router().match(method, path);
    if (match.found !== 'route') throw unmatched(match, method, path);
    const { route, params } = match;
    exchange.label = route.label;
    if (hasBody && bodyless.has(method) && !takesBody(route))
      throw new TuttiError('BAD_REQUEST', { reason: `${method} takes no body here` });
    if (route.kind === 'system') return this.#needs.system(route.name, params);
    return this.#callAction(exchange, route, params);
  }

  /** Whoever it is for is found out first, whatever kind of action it is. */
  #callAction(exchange: Exchange, route: ActionRoute, params: RouteParams): Promise<Answer | undefined> {
    const { authenticator } = this.#needs;
    const usualMs = route.deadlineMs ?? this.#needs.deadlineMs;
    const deadlineMs = readDeadlineMs(exchange.request.headers, usualMs);
    if (authenticator === undefined) return this.#act(exchange, { route, params, deadlineMs });
    // The hook's time is part of the request's.
    const startedAt = performance.now();
    return this.#identify(exchange, authenticator, deadlineMs).then(() => {
      const leftMs = Math.max(1, Math.ceil(deadlineMs - (performance.now() - startedAt)));
      return this.#act(exchange, { route, params, deadlineMs: leftMs });
    });
  }

  async #identify(exchange: Exchange, authenticator: Authenticator, withinMs: number): Promise<void> {
    const { request, path, ids, gone, span } = exchange;
    const asking = { request: requestOf(request, { path, requestId: ids.requestId }), withinMs, gone };
    const ask = (): Promise<Identity> => authenticator.identify(asking);
    const identity = await (span === undefined ? ask() : span.run(ask));
    exchange.context = contextOf(ids, identity);
  }

  #act(exchange: Exchange, call: ActionCall): Promise<Answer | undefined> {
    const { route, params } = call;
    return route.stream === undefined
      ? this.#ask(exchange, call)
      : this.#needs.streams.serve(exchange, route, params);
  }

  #ask(exchange: Exchange, ask: ActionCall): Promise<Answer> {
    const { bodyLimit, bodyMs } = this.#needs;
    const { request } = exchange;
    if (!exchange.hasBody) return this.#call(exchange, ask, noBytes);
    checkMediaType(request.headers);
    return readBody(request, { bytes: ask.route.bodyLimit ?? bodyLimit, ms: bodyMs }).then((bytes) =>
      this.#call(exchange, ask, bytes),
    );
  }

  #call(exchange: Exchange, { route, params, deadlineMs }: ActionCall, bytes: Buffer): Promise<Answer> {
    const { gone, method, path, query, hasBody, context, request } = exchange;
    const { caller, idempotency } = this.#needs;
    const key = readIdempotencyKey(request.headers);
    const input = route.readInput(params, query, hasBody ? parseJsonBody(bytes) : noBody);
    const ask = (signal?: AbortSignal): Promise<Buffer> =>
      route.perform?.(input, { context, deadlineMs }) ??
      caller.callForHttp(route.service, route.action, input, {
        ...{ context, deadlineMs, idempotencyKey: key, signal },
      });
    const call = (signal?: AbortSignal): Promise<Answer> => ask(signal).then(route.answer);
    if (key === undefined || idempotency === undefined || route.isIdempotent) return call(gone);
    const { user, tenant } = context;
    const parts = [method, path, query, bytes];
    // It is done to its end, though its client leaves: who asks again gets what came of it.
    return idempotency.answer({ key, user, tenant, parts, deadlineMs }, call);
  }

  #refuse(exchange: Exchange, error: unknown): void {
    const { response, ids, method, path } = exchange;
    if (response.headersSent) return;
    this.#send(exchange, this.#needs.refuser.refuse(error, { requestId: ids.requestId, method, path }));
  }

  #send(exchange: Exchange, { status, headers, contentType, body }: Answer): void {
    const { request, response, ids, hasBody, connection } = exchange;
    const head = ['x-request-id', ids.requestId];
    for (const name in headers) head.push(name, headers[name] ?? '');
    // Requests that came behind this one are answered too: the last of them says it.
    const isLast = this.#needs.isDraining() && connection.response === response;
    // What is left of a body would be read to its end, however long, to keep the connection.
    if (isLast || (hasBody && !request.complete)) head.push('connection', 'close');
    const isFull = hasContent(status);
    if (isFull) head.push('content-type', contentType, 'content-length', String(Buffer.byteLength(body)));
    response.writeHead(status, head).end(isFull ? body : undefined);
    this.#needs.unread.watch(response);
  }
}

/** With GET and DELETE a body is mostly a mistake, and servers in between may drop it: a route that wants one says how large it may be. */
const takesBody = (route: Route): boolean => route.kind === 'action' && route.bodyLimit !== undefined;

function unmatched(match: Match, method: string, path: string): TuttiError {
  if (match.found === 'method')
    return new TuttiError('METHOD_NOT_ALLOWED', { method, allow: match.allow.join(', ') });
  return new TuttiError('NOT_FOUND', { what: `${method} ${path.slice(0, 200)}` });
}
