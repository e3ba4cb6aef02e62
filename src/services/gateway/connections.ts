/**
 * What is known of each connection: its last request, and a signal for when the client is gone.
 * One signal per connection and not per request: making one costs more than routing does.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

interface Connection {
  readonly gone: AbortController;
  request: IncomingMessage;
  response: ServerResponse;
}

export class Connections {
  readonly #known = new WeakMap<Socket, Connection>();

  /** Aborted when the connection closes, and with it all that still waits on it. */
  begin(request: IncomingMessage, response: ServerResponse): AbortSignal {
    const known = this.#known.get(request.socket);
    if (known !== undefined) {
      known.request = request;
      known.response = response;
      return known.gone.signal;
    }
    const gone = new AbortController();
    request.socket.once('close', () => {
      gone.abort();
    });
    this.#known.set(request.socket, { gone, request, response });
    return gone.signal;
  }

  /** Whether bytes written past the HTTP machinery would be read as the answer to what went wrong, and to nothing else. */
  mayAnswerRaw(socket: Socket): boolean {
    const known = this.#known.get(socket);
    if (known === undefined) return true;
    return known.request.complete ? known.response.writableFinished : !known.response.headersSent;
  }
}
