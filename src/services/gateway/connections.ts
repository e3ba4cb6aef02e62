/**
 * The open connections of a gateway: the last request of each, a signal for when its client is gone, since when nothing is under way
 * on it, and how it is closed so that its last answer arrives. Used by the server, the request handler and the drain.
 * One signal per connection and not per request: making one costs more than routing does.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { bounds } from '../../core/bounds.ts';

export class Connection {
  readonly socket: Socket;
  readonly gone = new AbortController();
  /** The newest. */
  request: IncomingMessage | undefined;
  response: ServerResponse | undefined;
  /** Requests that came and are not answered to the last byte. */
  inFlight = 0;
  /** Another protocol: it ends when that does. */
  isUpgraded = false;
  /** Our side is closed, or is about to be: what comes now is not answered, and must not be done. */
  isLeaving = false;
  /** Since when nothing is in flight; as `performance.now()`. */
  restedAt = performance.now();
  #restedBytes = 0;

  constructor(socket: Socket) {
    this.socket = socket;
  }

  /** Nothing is in flight, and no head is on its way either. */
  get isIdle(): boolean {
    return this.inFlight === 0 && !this.isUpgraded && this.socket.bytesRead === this.#restedBytes;
  }

  rest(now: number): void {
    this.restedAt = now;
    this.#restedBytes = this.socket.bytesRead;
  }
}

export class Connections {
  readonly #open = new Map<Socket, Connection>();

  get size(): number {
    return this.#open.size;
  }

  [Symbol.iterator](): Iterator<Connection> {
    return this.#open.values();
  }

  readonly opened = (socket: Socket): void => {
    const connection = new Connection(socket);
    this.#open.set(socket, connection);
    // What Node does after an answer that ends its connection.
    socket.destroySoon = () => {
      this.leave(connection);
    };
    socket.once('close', () => {
      this.#open.delete(socket);
      connection.gone.abort();
    });
  };

  upgraded(socket: Socket): void {
    const connection = this.#open.get(socket);
    if (connection !== undefined) connection.isUpgraded = true;
  }

  /** Undefined: it came after the last answer. Whoever sent it will see that nothing was done. */
  begin(request: IncomingMessage, response: ServerResponse): Connection | undefined {
    const connection = this.#open.get(request.socket);
    if (connection === undefined || connection.isLeaving) return undefined;
    connection.request = request;
    connection.response = response;
    connection.inFlight += 1;
    return connection;
  }

  /** Its answer has left, or its client has. */
  end(connection: Connection, now: number): void {
    connection.inFlight -= 1;
    if (connection.inFlight === 0) connection.rest(now);
  }

  /**
   * A socket that is closed over bytes nobody has read resets its connection, and the reset may overtake the answer. So our side ends
   * first, and what still comes is read and forgotten until the client has closed its own, for `bounds.httpLingerMs` at most.
   */
  leave(connection: Connection): void {
    if (connection.isLeaving) return;
    connection.isLeaving = true;
    const { socket, request } = connection;
    socket.end();
    if (request?.complete === false) request.resume();
    const timer = setTimeout(() => {
      socket.destroy();
    }, bounds.httpLingerMs);
    socket.once('close', () => {
      clearTimeout(timer);
    });
  }

  isLeaving(socket: Socket): boolean {
    return this.#open.get(socket)?.isLeaving ?? true;
  }

  /** Whether bytes written past the HTTP machinery would be read as the answer to what went wrong, and to nothing else. */
  mayAnswerRaw(socket: Socket): boolean {
    const { request, response } = this.#open.get(socket) ?? {};
    if (request === undefined || response === undefined) return true;
    return request.complete ? response.writableFinished : !response.headersSent;
  }
}
