/**
 * Requests to streams: items that come as the lines of a body, and items that leave as events or lines. Two-way streams are WebSockets,
 * and never come here but by mistake. Used by the request handler.
 */
import { TuttiError } from '../../core/errors.ts';
import type { Log } from '../../define/handling.ts';
import type { Caller, StreamOptions } from '../../mesh/caller.ts';
import type { ArrivedItem } from '../../mesh/item-inbox.ts';
import type { Stream } from '../../mesh/stream-call.ts';
import type { Answer } from './answer.ts';
import { parseJsonBody } from './body-guard.ts';
import { checkLinesType, checkMediaType, readBody } from './read-body.ts';
import { readLines } from './read-lines.ts';
import type { Refuser } from './refuser.ts';
import { readIdempotencyKey, readLastEventId, readStreamDeadlineMs } from './request-context.ts';
import type { Exchange } from './exchange.ts';
import type { ActionRoute } from './router.ts';
import type { RouteParams } from './route-input.ts';
import { dataHeaders } from './security-headers.ts';
import type { StreamAnswers } from './stream-answers.ts';
import { formatFor } from './stream-format.ts';

export interface StreamHandlerNeeds {
  readonly caller: Caller;
  readonly answers: StreamAnswers;
  readonly refuser: Refuser;
  readonly log: Log;
  readonly bodyLimit: number;
  readonly bodyMs: number;
}

const noBody = {};

export class StreamHandler {
  readonly #needs: StreamHandlerNeeds;

  constructor(needs: StreamHandlerNeeds) {
    this.#needs = needs;
  }

  /** Undefined: the answer is written. */
  async serve(exchange: Exchange, route: ActionRoute, params: RouteParams): Promise<Answer | undefined> {
    if (route.stream === 'both') throw new TuttiError('UPGRADE_REQUIRED', { what: route.label });
    if (exchange.method === 'HEAD') return headOnly(exchange);
    this.#needs.answers.makeRoom();
    if (route.stream === 'in') return this.#takeLines(exchange, route, params);
    await this.#writeItems(exchange, route, params);
    return undefined;
  }

  async #takeLines(exchange: Exchange, route: ActionRoute, params: RouteParams): Promise<Answer> {
    const { request } = exchange;
    checkLinesType(request.headers);
    const input = route.readInput(params, exchange.query, noBody);
    const stream = this.#ask(exchange, route, { input, items: readLines(request) });
    return route.answer((await stream.result) as Buffer);
  }

  async #writeItems(exchange: Exchange, route: ActionRoute, params: RouteParams): Promise<void> {
    const { headers } = exchange.request;
    const body = exchange.hasBody ? await this.#readBody(exchange) : noBody;
    const input = route.readInput(params, exchange.query, body, readLastEventId(headers));
    const { gone } = exchange;
    const own = route.follow?.(input, { gone, deadlineMs: readStreamDeadlineMs(headers) });
    const stream = own === undefined ? this.#ask(exchange, route, { input }) : await own;
    // Until then an error is an answer like any other.
    await stream.begun;
    const { requestId } = exchange.ids;
    await this.#needs.answers.write({
      response: exchange.response,
      stream,
      format: formatFor(headers.accept),
      headers: { ...dataHeaders, 'x-request-id': requestId },
      problemOf: (error) => this.#needs.refuser.problemOf(error, exchange.ids.requestId),
    });
  }

  async #readBody(exchange: Exchange): Promise<Record<string, unknown>> {
    const { request } = exchange;
    checkMediaType(request.headers);
    return parseJsonBody(await readBody(request, { bytes: this.#needs.bodyLimit, ms: this.#needs.bodyMs }));
  }

  #ask(
    { context, gone, request }: Exchange,
    { service, action }: ActionRoute,
    { input, items }: { readonly input: unknown; readonly items?: StreamOptions['items'] },
  ): Stream<ArrivedItem> {
    const { headers } = request;
    return this.#needs.caller.streamForHttp(service, action, input, {
      ...{ context, items, signal: gone },
      deadlineMs: readStreamDeadlineMs(headers),
      idempotencyKey: readIdempotencyKey(headers),
    });
  }
}

/** Nobody reads what a HEAD would begin. */
const headOnly = ({ request }: Exchange): Answer => ({
  status: 200,
  headers: dataHeaders,
  contentType: formatFor(request.headers.accept).contentType,
  body: '',
});
