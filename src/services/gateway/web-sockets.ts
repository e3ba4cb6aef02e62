/**
 * Two-way streams as WebSockets: one message, one item, JSON both ways. The request is checked like any other, and refused as one; the
 * connection is a WebSocket once the stream has begun. Used by the server. The protocol itself is the `ws` package's.
 */
import type { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { WebSocket, WebSocketServer } from 'ws';
import { bounds } from '../../core/bounds.ts';
import { isTuttiError, TuttiError } from '../../core/errors.ts';
import type { Caller } from '../../mesh/caller.ts';
import type { CallContext } from '../../mesh/context.ts';
import type { ArrivedItem } from '../../mesh/item-inbox.ts';
import type { Stream } from '../../mesh/stream-call.ts';
import { contextOf, requestOf } from './authenticate.ts';
import type { Authenticator } from './authenticate.ts';
import { MessageInbox } from './message-inbox.ts';
import type { Refuser } from './refuser.ts';
import { readLastEventId } from './request-context.ts';
import type { Ids } from './request-context.ts';
import { checkHead, splitUrl } from './request-head.ts';
import type { ActionRoute, Router } from './router.ts';
import type { RouteParams } from './route-input.ts';
import type { StreamAnswers, StreamLimits } from './stream-answers.ts';

export interface WebSocketsNeeds {
  readonly caller: Caller;
  readonly router: () => Router;
  readonly answers: StreamAnswers;
  readonly refuser: Refuser;
  readonly limits: StreamLimits;
  readonly localOnly: boolean;
  /** Undefined: requests are for nobody in particular. */
  readonly authenticator: Authenticator | undefined;
  /** For the hook that finds out for whom a request is. */
  readonly deadlineMs: number;
}

/** What the server answers with where no WebSocket comes of it. */
export type RefuseUpgrade = (error: unknown, socket: Duplex) => void;

interface Upgrade {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Buffer;
  readonly ids: Ids;
}

/** What somebody wants to open. */
interface Wish {
  readonly route: ActionRoute;
  readonly input: unknown;
}

interface Serving {
  readonly stream: Stream<ArrivedItem>;
  readonly inbox: MessageInbox;
  readonly ids: Ids;
  readonly socket: Duplex;
}

/** https://www.iana.org/assignments/websocket/websocket.xhtml */
const closeCodes = { normal: 1000, policy: 1008, fault: 1011, restart: 1012, later: 1013 };
const longestReason = 123;

const isWebSocket = ({ headers, method }: IncomingMessage): boolean =>
  method === 'GET' && headers.upgrade?.toLowerCase() === 'websocket';

export class WebSockets {
  readonly #needs: WebSocketsNeeds;
  #server: Promise<WebSocketServer> | undefined;

  constructor(needs: WebSocketsNeeds) {
    this.#needs = needs;
  }

  /** Any other request to upgrade is served as what it is besides. */
  readonly wants = (request: IncomingMessage): boolean =>
    isWebSocket(request) && this.#find(splitUrl(request.url ?? '/').path) !== undefined;

  async upgrade(upgrade: Upgrade, refuse: RefuseUpgrade): Promise<void> {
    const { request, socket } = upgrade;
    // From here to the handshake nobody else listens, and an error without a listener ends the process.
    const ignore = (): void => undefined;
    socket.on('error', ignore);
    const inbox = new MessageInbox();
    let stream: Stream<ArrivedItem> | undefined;
    const left = new AbortController();
    const gone = (): void => {
      left.abort();
      stream?.cancel();
    };
    socket.once('close', gone);
    try {
      const wish = this.#wishOf(request);
      stream = this.#ask(wish, inbox, await this.#identify(upgrade, left.signal));
      await stream.begun;
      if (socket.destroyed) return;
      const webSocket = await this.#handshake(upgrade);
      socket.off('error', ignore);
      await this.#serve(webSocket, { stream, inbox, ids: upgrade.ids, socket });
    } catch (error) {
      stream?.cancel();
      if (!socket.destroyed) refuse(error, socket);
    } finally {
      socket.off('close', gone);
      request.removeAllListeners();
    }
  }

  /** For whom it is: as of any request. */
  async #identify({ request, ids }: Upgrade, gone: AbortSignal): Promise<Partial<CallContext>> {
    const { authenticator, deadlineMs } = this.#needs;
    if (authenticator === undefined) return ids;
    const { path } = splitUrl(request.url ?? '/');
    const asked = requestOf(request, { path, requestId: ids.requestId });
    return contextOf(ids, await authenticator.identify({ request: asked, withinMs: deadlineMs, gone }));
  }

  #ask({ route, input }: Wish, inbox: MessageInbox, context: Partial<CallContext>): Stream<ArrivedItem> {
    return this.#needs.caller.streamForHttp(route.service, route.action, input, { context, items: inbox });
  }

  #wishOf(request: IncomingMessage): Wish {
    const { route, params, query } = this.#routeOf(request);
    this.#needs.answers.makeRoom();
    return { route, input: route.readInput(params, query, {}, readLastEventId(request.headers)) };
  }

  #routeOf(request: IncomingMessage): { route: ActionRoute; params: RouteParams; query: string } {
    const { path, query } = splitUrl(request.url ?? '/');
    checkHead(request, this.#needs.localOnly);
    checkOrigin(request);
    const found = this.#find(path);
    // It was there a moment ago.
    if (found === undefined) throw new TuttiError('NOT_FOUND', { what: `GET ${path.slice(0, 200)}` });
    return { ...found, query };
  }

  #find(path: string): { route: ActionRoute; params: RouteParams } | undefined {
    const match = this.#needs.router().match('GET', path);
    if (match.found !== 'route' || match.route.kind !== 'action' || match.route.stream !== 'both')
      return undefined;
    return { route: match.route, params: match.params };
  }

  async #handshake({ request, socket, head }: Upgrade): Promise<WebSocket> {
    // Loaded when somebody wants it: most gateways never do.
    this.#server ??= import('ws').then(
      ({ WebSocketServer: Server }) =>
        new Server({
          noServer: true,
          maxPayload: bounds.streamItemBytes,
          perMessageDeflate: false,
          clientTracking: false,
        }),
    );
    const server = await this.#server;
    return new Promise((resolve) => {
      server.handleUpgrade(request, socket, head, resolve);
    });
  }

  /** Resolves when the connection is closed. */
  async #serve(webSocket: WebSocket, { stream, inbox, ids, socket }: Serving): Promise<void> {
    inbox.readFrom(webSocket);
    const closed = new Promise<void>((resolve) => {
      webSocket.once('close', () => {
        resolve();
      });
    });
    // The protocol's own errors close it; why is in the code that the other side gets.
    webSocket.on('error', () => undefined);
    const remove = this.#keep(webSocket, stream, socket);
    void closed.then(() => {
      remove();
      inbox.finish();
      stream.cancel();
    });
    try {
      for await (const item of stream) await this.#send(webSocket, item);
      await stream.result;
      webSocket.close(closeCodes.normal);
    } catch (error) {
      this.#closeFor(webSocket, error, ids);
    }
    await this.#closedInTime(webSocket, closed);
  }

  /** Pings it when it is quiet, and says goodbye when the gateway stops. */
  #keep(webSocket: WebSocket, stream: Stream<ArrivedItem>, socket: Duplex): () => void {
    const heard = (): number => (socket instanceof Socket ? socket.bytesRead : 0);
    let heardBytes = heard();
    let quietBeats = 0;
    return this.#needs.answers.add({
      writtenAt: performance.now(),
      beat: () => {
        // Whatever it says shows that it is there: an answer to a ping may stand behind megabytes of messages. While it is not read from,
        // nothing can be heard.
        quietBeats = webSocket.isPaused || heard() > heardBytes ? 0 : quietBeats + 1;
        heardBytes = heard();
        if (quietBeats >= mostQuietBeats) webSocket.terminate();
        webSocket.ping();
      },
      leave: () => {
        webSocket.close(closeCodes.restart, 'The gateway stops');
        stream.cancel();
      },
      cut: () => {
        webSocket.terminate();
      },
    });
  }

  async #send(webSocket: WebSocket, { body }: ArrivedItem): Promise<void> {
    this.#needs.answers.items += 1;
    const text = typeof body === 'string' ? body : JSON.stringify(body.toString('base64'));
    const sent = Promise.withResolvers<undefined>();
    // Its callback runs when it is with the operating system, or never will be.
    webSocket.send(text, () => {
      sent.resolve(undefined);
    });
    if (webSocket.bufferedAmount < mostBuffered) return;
    const timer = setTimeout(() => {
      this.#needs.answers.stalled += 1;
      webSocket.terminate();
    }, this.#needs.limits.stallMs);
    await sent.promise;
    clearTimeout(timer);
  }

  #closeFor(webSocket: WebSocket, error: unknown, { requestId }: Ids): void {
    const { code, detail, status } = this.#needs.refuser.problemOf(error, requestId);
    const isRetryable = isTuttiError(error) && error.retryable;
    const closeCode = isRetryable ? closeCodes.later : status >= 500 ? closeCodes.fault : closeCodes.policy;
    webSocket.close(closeCode, cut(`${code}: ${detail}`));
  }

  /** Who does not answer the close is cut off. */
  async #closedInTime(webSocket: WebSocket, closed: Promise<void>): Promise<void> {
    const timer = setTimeout(() => {
      webSocket.terminate();
    }, closeMs);
    await closed;
    clearTimeout(timer);
  }
}

const closeMs = 2_000;
/** Heartbeats without a byte from the other side. */
const mostQuietBeats = 2;
/** Bytes of a WebSocket that wait for its reader before the next item is asked for. */
const mostBuffered = 16_384;

/** Of a reason: 123 bytes, and no half letter. */
function cut(text: string): string {
  let short = text.slice(0, longestReason);
  while (Buffer.byteLength(short) > longestReason) short = short.slice(0, -1);
  return short;
}

/** Pages of others may open WebSockets to us: only their `Origin` tells. What is no browser sends none. */
function checkOrigin({ headers }: IncomingMessage): void {
  const { origin, host } = headers;
  if (origin === undefined) return;
  const from = URL.canParse(origin) ? new URL(origin).host : '';
  if (from === host?.toLowerCase()) return;
  throw new TuttiError('FORBIDDEN', { message: 'Pages of another origin may not open this WebSocket' });
}
