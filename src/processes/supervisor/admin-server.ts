/**
 * The admin API: HTTP with JSON on a unix socket that only this user can reach. The CLI speaks to it and to nothing else.
 * Routes are a table; streams are cut off when their reader is too slow.
 */
import { chmodSync, rmSync } from 'node:fs';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { bounds } from '../../core/bounds.ts';
import { isTuttiError, TuttiError } from '../../core/errors.ts';
import { isPlainObject } from '../../core/options.ts';

// Importing node:http touches all that it exports, and so loads the WebSocket client of Node: 50 ms for nothing.
const { createServer } = process.getBuiltinModule('node:http');

export interface AdminRequest {
  readonly query: URLSearchParams;
  readonly body: Readonly<Record<string, unknown>>;
  /** Aborted when the reader has gone. */
  readonly signal: AbortSignal;
}

/** Where a stream's lines go. */
export interface LineSink {
  /** Writes one line; false once the reader is cut off. */
  send(value: unknown): boolean;
  /** Resolves when what was sent has left, or the reader has. */
  drained(): Promise<void>;
}

export type AdminRoute =
  | { readonly kind: 'answer'; readonly run: (request: AdminRequest) => unknown }
  /** Reads its request first, so that a wrong one can still be refused with a status. */
  | { readonly kind: 'stream'; readonly run: (request: AdminRequest) => (sink: LineSink) => Promise<void> };

const bodyLimit = 4 * bounds.controlFrameBytes;

/** `//` is a request line like others, and no URL. */
function parseTarget(target: string): URL {
  const url = URL.parse(target, 'http://admin');
  if (url === null) throw new TuttiError('BAD_REQUEST', { reason: 'its target is no URL' });
  return url;
}

async function readBody(request: IncomingMessage): Promise<Readonly<Record<string, unknown>>> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > bodyLimit) throw new TuttiError('PAYLOAD_TOO_LARGE', { limitBytes: bodyLimit });
    chunks.push(chunk);
  }
  if (length === 0) return {};
  let value: unknown;
  try {
    value = JSON.parse(Buffer.concat(chunks).toString());
  } catch {
    throw new TuttiError('INVALID_INPUT', { message: 'The body is not JSON' });
  }
  if (!isPlainObject(value))
    throw new TuttiError('INVALID_INPUT', { message: 'The body is not a JSON object' });
  return value;
}

function sendJson(response: ServerResponse, status: number, value: unknown): void {
  const text = JSON.stringify(value ?? null);
  response
    .writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) })
    .end(text);
}

function sendError(response: ServerResponse, error: unknown): void {
  const known = isTuttiError(error)
    ? error
    : new TuttiError('INTERNAL', { message: error instanceof Error ? error.message : String(error) });
  // Of a body that is not taken nobody wants the rest.
  if (!response.headersSent && !response.req.complete) response.setHeader('connection', 'close');
  if (response.headersSent) response.destroy();
  else sendJson(response, known.http, { code: known.code, message: known.message, data: known.data });
}

export class AdminServer {
  readonly #path: string;
  readonly #routes: Readonly<Record<string, AdminRoute>>;
  readonly #server: Server;

  /** @param routes by `GET /status`. */
  constructor(path: string, routes: Readonly<Record<string, AdminRoute>>) {
    this.#path = path;
    this.#routes = routes;
    this.#server = createServer((request, response) => void this.#serve(request, response));
  }

  async listen(): Promise<void> {
    rmSync(this.#path, { force: true });
    const { promise, resolve, reject } = Promise.withResolvers<undefined>();
    this.#server.once('error', reject);
    this.#server.listen(this.#path, () => {
      resolve(undefined);
    });
    await promise;
    // An accept may fail for a moment; without a listener that would be the supervisor's end.
    this.#server.on('error', () => undefined);
    chmodSync(this.#path, 0o600);
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const gone = new AbortController();
    response.on('close', () => {
      gone.abort();
    });
    response.on('error', () => undefined);
    try {
      const url = parseTarget(request.url ?? '/');
      const name = `${request.method ?? 'GET'} ${url.pathname}`;
      const route = Object.hasOwn(this.#routes, name) ? this.#routes[name] : undefined;
      if (route === undefined) throw new TuttiError('NOT_FOUND', { what: name });
      const asked: AdminRequest = {
        query: url.searchParams,
        body: await readBody(request),
        signal: gone.signal,
      };
      if (route.kind === 'answer') sendJson(response, 200, await route.run(asked));
      else await this.#stream(response, route.run(asked));
    } catch (error) {
      sendError(response, error);
    }
  }

  async #stream(response: ServerResponse, run: (sink: LineSink) => Promise<void>): Promise<void> {
    response.writeHead(200, { 'content-type': 'application/x-ndjson' });
    response.flushHeaders();
    await run({
      send: (value) => {
        if (response.destroyed) return false;
        response.write(`${JSON.stringify(value)}\n`);
        if (response.writableLength > bounds.adminStreamBytes) response.destroy();
        return !response.destroyed;
      },
      drained: async () => {
        if (response.destroyed || !response.writableNeedDrain) return;
        const { promise, resolve } = Promise.withResolvers<undefined>();
        const done = (): void => {
          resolve(undefined);
        };
        response.once('drain', done).once('close', done);
        await promise;
        response.off('drain', done).off('close', done);
      },
    });
    response.end();
  }
}
