/**
 * Turns connections away, and counts them, while this process has no file descriptor left. Without it nobody would know: libuv accepts
 * and closes what it has no descriptor for without a word. So a few descriptors are kept in reserve. When there is no other, they are
 * given up: each connection can be accepted then, is closed at once, and counted. When there are enough again, all is as before.
 * Used by whoever accepts: gateway, mesh, control socket. Whoever owns it calls `look` every now and then.
 */
import { closeSync, openSync, readFileSync } from 'node:fs';
import type { Server } from 'node:net';
import type { MetricFamily } from '../core/metric.ts';

/** What waits to be accepted is closed with one; the others are for what the process itself opens meanwhile. */
const reserved = 8;
/** So many more must be free before connections are taken again. */
const margin = 8;
/** Of descriptors that are no connections, where a look at each new one is not worth its time. */
const roomy = 256;

export interface AcceptGuardNeeds {
  /** Is told when none is left, and when there are some again. */
  readonly onChange: (areLeft: boolean) => void;
  readonly descriptors?: Descriptors;
}

/** Those of this process. */
interface Descriptors {
  /** How many it may have; 0 where that cannot be known, and then every connection is looked at. */
  limit(): number;
  /** One that is good for nothing. @throws `EMFILE` or `ENFILE` where none is left. */
  open(): number;
  close(fd: number): void;
}

interface Watched {
  readonly server: Server;
  /** What it had before connections were turned away. */
  usual: number | undefined;
}

export class AcceptGuard {
  readonly #onChange: (areLeft: boolean) => void;
  readonly #descriptors: Descriptors;
  readonly #watched = new Set<Watched>();
  readonly #refused = new Map<string, number>();
  #reserve: number[] = [];
  #connections = 0;
  #limit = 0;
  #areLeft = true;

  constructor({ onChange, descriptors = ours }: AcceptGuardNeeds) {
    this.#onChange = onChange;
    this.#descriptors = descriptors;
    this.#areLeft = this.#fill(0);
    this.#limit = descriptors.limit();
  }

  get areLeft(): boolean {
    return this.#areLeft;
  }

  /** Connections turned away, by the name of their listener. */
  refused(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#refused);
  }

  families(): MetricFamily[] {
    const samples = [...this.#refused].map(([listener, value]) => ({ labels: { listener }, value }));
    const help = 'Connections that were closed because the process had no file descriptor left.';
    return [{ name: 'tutti_accept_failures_total', type: 'counter', help, samples }];
  }

  /** Until the server closes. Its `drop` events belong to the guard while none is left. */
  watch(server: Server, listener: string): void {
    const watched: Watched = { server, usual: undefined };
    this.#watched.add(watched);
    this.#refused.set(listener, this.#refused.get(listener) ?? 0);
    const count = (): void => {
      this.#refused.set(listener, (this.#refused.get(listener) ?? 0) + 1);
    };
    server.on('drop', () => {
      if (!this.#areLeft) count();
    });
    // Without a listener an accept that fails would end the process.
    server.on('error', (error: NodeJS.ErrnoException) => {
      if (!isNoneLeft(error)) return;
      count();
      this.#lose();
    });
    server.on('connection', (socket) => {
      this.#connections += 1;
      socket.once('close', () => {
        this.#connections -= 1;
      });
      if (this.#connections + roomy >= this.#limit) this.look();
    });
    server.once('close', () => {
      this.#watched.delete(watched);
    });
    if (!this.#areLeft) turnAway(watched);
  }

  look(): void {
    if (this.#areLeft ? this.#canOpen() : this.#fill(margin)) this.#find();
    else this.#lose();
  }

  /** The descriptors are the process's again. */
  close(): void {
    this.#giveUp();
  }

  #canOpen(): boolean {
    try {
      this.#descriptors.close(this.#descriptors.open());
      return true;
    } catch (error) {
      if (!isNoneLeft(error)) throw error;
      return false;
    }
  }

  /** Takes the reserve, where `more` would be left beside it. */
  #fill(more: number): boolean {
    const taken: number[] = [];
    try {
      while (taken.length < reserved + more) taken.push(this.#descriptors.open());
      this.#reserve = taken.splice(0, reserved);
      return true;
    } catch (error) {
      if (!isNoneLeft(error)) throw error;
      return false;
    } finally {
      for (const fd of taken) this.#descriptors.close(fd);
    }
  }

  #giveUp(): void {
    for (const fd of this.#reserve.splice(0)) this.#descriptors.close(fd);
  }

  #lose(): void {
    if (!this.#areLeft) return;
    this.#areLeft = false;
    for (const watched of this.#watched) turnAway(watched);
    this.#giveUp();
    this.#onChange(false);
  }

  #find(): void {
    if (this.#areLeft) return;
    this.#areLeft = true;
    this.#limit = this.#descriptors.limit();
    for (const { server, usual } of this.#watched) server.maxConnections = usual as number;
    this.#onChange(true);
  }
}

/** Node closes what is beyond, and says so. */
function turnAway(watched: Watched): void {
  watched.usual = watched.server.maxConnections;
  watched.server.maxConnections = 0;
}

const isNoneLeft = (error: unknown): boolean => {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'EMFILE' || code === 'ENFILE';
};

const ours: Descriptors = {
  limit: () => {
    try {
      const limits = readFileSync('/proc/self/limits', 'utf8');
      return Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? 0);
    } catch {
      return 0;
    }
  },
  open: () => openSync('/dev/null', 'r'),
  close: closeSync,
};
