/**
 * HTTP clients on bare sockets that ask without a pause and count every request. Nothing is asked again: a request that was written
 * and not answered to its last byte is lost, and what is known of it is kept.
 */
import { createConnection } from 'node:net';
import type { Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

export interface CountingOptions {
  readonly port: number;
  readonly clients: number;
  /** What this client asks for next. */
  readonly ask: (client: number) => Ask;
}

export interface Ask {
  readonly path: string;
  /** How long the client then waits. */
  readonly thinkMs?: number;
  /** False: the connection is for this request alone. */
  readonly isKept?: boolean;
}

export interface Lost {
  readonly path: string;
  /** `end`: closed in order without an answer. */
  readonly why: string;
  /** Of its connection, from 1. */
  readonly nth: number;
  readonly bytesAnswered: number;
  /** Milliseconds before it was lost. */
  readonly writtenAgo: number;
  readonly connectedAgo: number;
  /** Between the answer before it and itself; from connect where it is the first. */
  readonly idleMs: number;
  /** Of the connection. */
  readonly localPort: number;
  readonly at: string;
}

interface Asking {
  readonly path: string;
  readonly writtenAt: number;
  settle(lost: Lost | undefined): void;
}

/** One connection: one request at a time. */
class Line {
  readonly socket: Socket;
  mayGoOn = true;
  isToldToClose = false;
  readonly #startedAt = performance.now();
  #restedAt = this.#startedAt;
  #heard: Buffer[] = [];
  #bytes = 0;
  #wanted: number | undefined;
  #nth = 0;
  #asking: Asking | undefined;
  #why = 'end';

  constructor(port: number) {
    this.socket = createConnection({ port, host: '127.0.0.1', noDelay: true });
    this.socket.on('data', (chunk) => {
      this.#hear(chunk);
    });
    this.socket.on('error', (error: NodeJS.ErrnoException) => {
      this.#why = error.code ?? error.message;
    });
    this.socket.on('end', () => {
      this.mayGoOn = false;
    });
    this.socket.on('close', () => {
      this.mayGoOn = false;
      this.#lose();
    });
  }

  /** Gives what is known of it where it was lost. */
  ask(path: string, isKept: boolean): Promise<Lost | undefined> {
    this.#nth += 1;
    const head = `GET ${path} HTTP/1.1\r\nHost: localhost\r\n${isKept ? '' : 'Connection: close\r\n'}\r\n`;
    return new Promise((settle) => {
      this.#asking = { path, writtenAt: performance.now(), settle };
      if (this.socket.closed) this.#lose();
      else this.socket.write(head);
    });
  }

  #hear(chunk: Buffer): void {
    this.#heard.push(chunk);
    this.#bytes += chunk.length;
    this.#wanted ??= this.#readHead();
    if (this.#wanted === undefined || this.#bytes < this.#wanted) return;
    const asking = this.#asking;
    this.#asking = undefined;
    this.#wanted = undefined;
    this.#heard = [];
    this.#bytes = 0;
    this.#restedAt = performance.now();
    if (!this.mayGoOn) this.socket.end();
    asking?.settle(undefined);
  }

  /** The bytes of the whole answer, once its head is there. */
  #readHead(): number | undefined {
    const text = Buffer.concat(this.#heard).toString('latin1');
    const end = text.indexOf('\r\n\r\n');
    if (end < 0) return undefined;
    const head = text.slice(0, end).toLowerCase();
    this.isToldToClose = /^connection: close/m.test(head);
    if (this.isToldToClose) this.mayGoOn = false;
    return end + 4 + Number(/^content-length: (\d+)/m.exec(head)?.[1]);
  }

  #lose(): void {
    const asking = this.#asking;
    this.#asking = undefined;
    if (asking === undefined) return;
    const now = performance.now();
    const { path, writtenAt } = asking;
    asking.settle({
      ...{ path, why: this.#why, nth: this.#nth, bytesAnswered: this.#bytes },
      writtenAgo: Math.round(now - writtenAt),
      connectedAgo: Math.round(now - this.#startedAt),
      idleMs: Math.round(writtenAt - this.#restedAt),
      localPort: this.socket.localPort ?? 0,
      at: new Date().toISOString().slice(11, 23),
    });
  }
}

export class CountingClients implements AsyncDisposable {
  readonly lost: Lost[] = [];
  answered = 0;
  connections = 0;
  /** Connections of which the server said that they are at their end. */
  toldToClose = 0;
  readonly #options: CountingOptions;
  readonly #running: Promise<void>[];
  #isStopped = false;

  constructor(options: CountingOptions) {
    this.#options = options;
    this.#running = Array.from({ length: options.clients }, (_, client) => this.#run(client));
  }

  /** Until this many more were answered. */
  async more(count: number): Promise<void> {
    const target = this.answered + count;
    while (this.answered < target) await pause(5);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await Promise.all(this.#running);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #run(client: number): Promise<void> {
    let line: Line | undefined;
    while (!this.#isStopped) {
      const { path, thinkMs = 0, isKept = true } = this.#options.ask(client);
      if (line?.mayGoOn !== true) {
        line = new Line(this.#options.port);
        this.connections += 1;
      }
      const lost = await line.ask(path, isKept);
      if (lost === undefined) this.answered += 1;
      else this.lost.push(lost);
      if (isKept && line.isToldToClose) this.toldToClose += 1;
      if (thinkMs > 0) await pause(thinkMs);
    }
    line?.socket.destroy();
  }
}
