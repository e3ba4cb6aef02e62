/** Clients that are slow on purpose, many at once: what they send comes byte by byte, or what they are sent they do not read. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import type { Socket } from 'node:net';

export interface SlowKind {
  /** Sent at once. */
  readonly first: string;
  /** Sent byte by byte, again and again; none: it waits for an answer and does not read it. */
  readonly drop?: string;
}

const dropMs = 400;

/** TCP connections of this port that the process which listens has not closed, by the port of the other side. */
function openAt(port: number): Set<number> {
  const rows = readFileSync('/proc/net/tcp', 'latin1').split('\n').slice(1);
  const portOf = (address = ''): number => Number.parseInt(address.split(':')[1] ?? '', 16);
  return new Set(
    rows
      .map((row) => row.trim().split(/\s+/))
      // 01: established; 08: the other side has closed and the process has not.
      .filter(([, local, , state]) => portOf(local) === port && (state === '01' || state === '08'))
      .map(([, , remote]) => portOf(remote)),
  );
}

interface Client {
  readonly socket: Socket;
  readonly began: number;
  localPort: number;
  said: string;
  sent: number;
  closedAfterMs: number | undefined;
}

export class SlowClients implements Disposable {
  readonly #clients: Client[] = [];
  readonly #port: number;
  readonly #kind: SlowKind;
  readonly #timer: NodeJS.Timeout;

  constructor(port: number, kind: SlowKind) {
    this.#port = port;
    this.#kind = kind;
    this.#timer = setInterval(() => {
      this.#look();
    }, dropMs);
  }

  get size(): number {
    return this.#clients.length;
  }

  get open(): number {
    return this.#clients.filter(({ closedAfterMs }) => closedAfterMs === undefined).length;
  }

  /** Since when the last one to come that is open is there; Infinity: none is. */
  get newestOpenMs(): number {
    const newest = this.#clients.findLast(({ closedAfterMs }) => closedAfterMs === undefined);
    return newest === undefined ? Infinity : performance.now() - newest.began;
  }

  /** Milliseconds from its connection to its end, of those that were closed. */
  get closed(): number[] {
    return this.#clients.flatMap(({ closedAfterMs }) => closedAfterMs ?? []);
  }

  /** What each was told. */
  get said(): string[] {
    return this.#clients.map(({ said }) => said);
  }

  /** Resolves when it is connected, and where it is to be sent something, when that has begun to come. */
  async add(): Promise<void> {
    const { first, drop } = this.#kind;
    const socket = connect(this.#port, '127.0.0.1').on('error', () => undefined);
    await once(socket, 'connect');
    const client: Client = {
      ...{ socket, began: performance.now(), localPort: socket.localPort ?? 0 },
      ...{ said: '', sent: 0, closedAfterMs: undefined },
    };
    socket.once('close', () => {
      client.closedAfterMs ??= performance.now() - client.began;
    });
    socket.write(first);
    this.#clients.push(client);
    if (drop === undefined) await Promise.race([once(socket, 'readable'), once(socket, 'close')]);
    else socket.setEncoding('latin1').on('data', (more: string) => (client.said += more));
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    for (const { socket } of this.#clients) socket.destroy();
  }

  #look(): void {
    const { drop } = this.#kind;
    // Who does not read does not hear that it was closed either.
    const open = drop === undefined ? openAt(this.#port) : undefined;
    for (const client of this.#clients) {
      if (client.closedAfterMs !== undefined) continue;
      if (open?.has(client.localPort) === false) client.closedAfterMs = performance.now() - client.began;
      if (drop !== undefined) client.socket.write(drop[client.sent++ % drop.length] ?? '');
    }
  }
}
