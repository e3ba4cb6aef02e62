/** Connections to a gateway, as clients hold them or try to, and what they cost it. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { Agent, get } from 'node:http';
import { createConnection } from 'node:net';
import type { NetConnectOpts, Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

/** One connection that is kept, and what is asked through it; it fails rather than connect anew. */
export class Kept {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  readonly #url: string;
  readonly sockets = new Set<Socket>();

  constructor(url: string) {
    this.#url = url;
  }

  ask(): Promise<Response> {
    return this.get('/say/x');
  }

  get(path: string): Promise<Response> {
    return new Promise((resolve, reject) => {
      const request = get(this.#url + path, { agent: this.#agent }, (response) => {
        let body = '';
        response.setEncoding('utf8').on('data', (more: string) => (body += more));
        response.once('end', () => {
          resolve(new Response(body, { status: response.statusCode ?? 0 }));
        });
      });
      request.once('socket', (socket) => this.sockets.add(socket)).once('error', reject);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}

/** How long until it was closed, or undefined where it was not within the time. */
export async function closedAfter(to: NetConnectOpts, withinMs: number): Promise<number | undefined> {
  const began = performance.now();
  const socket = createConnection(to).on('error', () => undefined);
  const closed = once(socket.resume(), 'close').then(() => performance.now() - began);
  const after = await Promise.race([closed, pause(withinMs, undefined, { ref: false })]);
  socket.destroy();
  return after;
}

/** Resident memory of a process, in MiB. */
export const residentOf = (pid: number): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${String(pid)}/status`, 'utf8'))?.[1]) / 1_024;

/** The highest of it, as often as it is looked at. */
export class MemoryWatch implements Disposable {
  readonly before: number;
  highest: number;
  readonly #timer: NodeJS.Timeout;

  constructor(pid: number) {
    this.before = residentOf(pid);
    this.highest = this.before;
    this.#timer = setInterval(() => {
      this.highest = Math.max(this.highest, residentOf(pid));
    }, 100);
  }

  /** To be asked for before its process may end. */
  stop(): void {
    clearInterval(this.#timer);
  }

  get grown(): number {
    return this.highest - this.before;
  }

  [Symbol.dispose](): void {
    this.stop();
  }
}
