/**
 * Messages of a WebSocket until somebody asks for them: a few, then the socket is not read from. Used by `web-sockets.ts`.
 */
import type { RawData, WebSocket } from 'ws';
import { bounds } from '../../core/bounds.ts';
import { parseJson } from './body-guard.ts';

/** https://www.rfc-editor.org/rfc/rfc6455#section-7.4.1 */
const unsupportedData = 1003;

export class MessageInbox implements AsyncIterable<unknown> {
  readonly #messages: RawData[] = [];
  #webSocket: WebSocket | undefined;
  #wake: (() => void) | undefined;
  #isOver = false;

  readFrom(webSocket: WebSocket): void {
    this.#webSocket = webSocket;
    webSocket.on('message', (data, isBinary) => {
      if (isBinary) {
        webSocket.close(unsupportedData, 'Messages are JSON text');
        return;
      }
      this.#messages.push(data);
      if (this.#messages.length >= bounds.webSocketMessages) webSocket.pause();
      this.#wake?.();
    });
  }

  /** There are no more. */
  finish(): void {
    this.#isOver = true;
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<unknown, void, undefined> {
    for (;;) {
      const message = this.#messages.shift();
      if (message !== undefined) {
        if (this.#messages.length < bounds.webSocketMessages) this.#webSocket?.resume();
        yield parseJson(bytesOf(message));
      } else if (this.#isOver) {
        return;
      } else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }
}

/** It is given one buffer, where nobody asked for another form. */
const bytesOf = (message: RawData): Buffer => (Buffer.isBuffer(message) ? message : Buffer.alloc(0));
