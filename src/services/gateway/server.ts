/**
 * An HTTP server on a listening socket: limits, timeouts, what never becomes a request, and a stop that loses none.
 * It knows no routes: everything goes to the request handler.
 */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, Server } from 'node:http';
import { Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { bounds } from '../../core/bounds.ts';
import { TuttiError } from '../../core/errors.ts';
import type { Accepts, SystemRuntime } from '../../mesh/runtime.ts';
import type { Connections } from './connections.ts';
import { drainServer } from './drain-server.ts';
import type { HttpMetrics } from './http-metrics.ts';
import { reasonPhrase } from './problem.ts';
import type { Refuser } from './refuser.ts';
import type { RequestHandler } from './request-handler.ts';
import { askedTrace } from './http-span.ts';
import { readIds } from './request-context.ts';
import type { WebSockets } from './web-sockets.ts';

// Not imported: see `problem.ts`.
const { createServer } = process.getBuiltinModule('node:http');

export const httpLimits = {
  headersMs: 5_000,
  requestMs: 30_000,
  keepAliveMs: 5_000,
  /** How often the three above are looked at. */
  checkMs: 1_000,
  /** Without a byte in either direction: longer than any request may wait for its answer. */
  silentMs: bounds.httpDeadlineMs + 10_000,
  headBytes: bounds.httpHeadBytes,
} as const;
export type HttpLimits = { readonly [Key in keyof typeof httpLimits]: number };

export interface ServerNeeds {
  readonly handler: RequestHandler;
  readonly webSockets: WebSockets;
  readonly refuser: Refuser;
  readonly connections: Connections;
  readonly metrics: HttpMetrics;
  readonly limits: HttpLimits;
  readonly accepts: Accepts;
  /** Whether another gateway takes what comes when this one stops. */
  readonly isRelieved: () => boolean;
  readonly maxConnections: number;
}

export interface GatewayServer {
  readonly port: number;
  /** Takes no connection more; resolves when none is left. */
  drain(): Promise<void>;
  /** Cuts what is left. Closing twice is harmless. */
  close(): Promise<void>;
}

export async function startServer(
  needs: ServerNeeds,
  listen: SystemRuntime['listen'],
): Promise<GatewayServer> {
  const server = makeServer(needs);
  server.maxConnections = needs.maxConnections;
  server.on('drop', () => {
    if (needs.accepts.areLeft) needs.metrics.dropped += 1;
  });
  // An expectation we do not know is refused like anything else, and not by Node's bare 417.
  server.on('checkExpectation', needs.handler.handle);
  server.on('connection', needs.connections.opened);
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    if (needs.connections.isLeaving(request.socket)) return;
    needs.connections.upgraded(request.socket);
    const ids = readIds(request.headers, askedTrace(request.headers));
    void needs.webSockets.upgrade({ request, socket, head, ids }, (error) => {
      if (socket instanceof Socket) answerRaw(socket, { ...needs, error, requestId: ids.requestId });
    });
  });
  await listening(server, listen);
  needs.accepts.watch(server, 'http');
  return {
    port: (server.address() as AddressInfo).port,
    drain: () => drainServer(server, { ...needs, keepAliveMs: needs.limits.keepAliveMs }),
    close: () => closeServer(server),
  };
}

function makeServer({ handler, webSockets, refuser, connections, metrics, limits }: ServerNeeds): Server {
  const options = {
    headersTimeout: limits.headersMs,
    // A stream of items may take as long as they move; other bodies have their limit where they are read.
    requestTimeout: 0,
    keepAliveTimeout: limits.keepAliveMs,
    connectionsCheckingInterval: limits.checkMs,
    maxHeaderSize: limits.headBytes,
    // Checked by us: Node's own refusal has no body.
    requireHostHeader: false,
    // Any other protocol is not switched to: the request is served as it stands.
    shouldUpgradeCallback: webSockets.wants,
  };
  const server = createServer(options, handler.handle);
  server.setTimeout(limits.silentMs);
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => {
    // What is behind the last answer is not looked at.
    if (!(socket instanceof Socket) || connections.isLeaving(socket)) return;
    metrics.badHeads += 1;
    const known = clientError(error.code);
    answerRaw(socket, { error: known, refuser, connections, requestId: newRequestId() });
  });
  return server;
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    // It may have stopped listening before.
    server.close(() => {
      resolve();
    });
    server.closeAllConnections();
  });
}

function listening(server: Server, listen: SystemRuntime['listen']): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(listen, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

function clientError(code: string | undefined): TuttiError {
  if (code === 'HPE_HEADER_OVERFLOW')
    return new TuttiError('HEAD_TOO_LARGE', { limitBytes: bounds.httpHeadBytes });
  if (code === 'HPE_CHUNK_EXTENSIONS_OVERFLOW')
    return new TuttiError('PAYLOAD_TOO_LARGE', { limitBytes: bounds.httpHeadBytes });
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return new TuttiError('REQUEST_TIMED_OUT');
  return new TuttiError('BAD_REQUEST', { reason: 'it is not HTTP' });
}

const newRequestId = (): string => randomUUID().replaceAll('-', '');

interface RawRefusal {
  readonly error: unknown;
  readonly requestId: string;
  readonly refuser: Refuser;
  readonly connections: Connections;
}

/** For bytes that Node could not read as a request: there is no response object to answer with. */
function answerRaw(socket: Socket, { error, requestId, refuser, connections }: RawRefusal): void {
  if (!socket.writable || !connections.mayAnswerRaw(socket)) {
    socket.destroy();
    return;
  }
  const answer = refuser.refuse(error, { requestId, method: '', path: '' });
  const { status, body } = answer;
  const all = {
    ...answer.headers,
    'content-type': answer.contentType,
    'x-request-id': requestId,
    connection: 'close',
    'content-length': String(Buffer.byteLength(body)),
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.write(`HTTP/1.1 ${String(status)} ${reasonPhrase(status)}\r\n${lines.join('')}\r\n${String(body)}`);
  socket.destroySoon();
}
