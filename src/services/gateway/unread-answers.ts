/**
 * Answers that were written and not yet read. Each has a time to be read in, by its size, and all together have a size:
 * beyond it the one that waits longest is cut off. Used by the request handler; streams look after their own readers.
 */
import type { ServerResponse } from 'node:http';
import { bounds } from '../../core/bounds.ts';
import type { MetricFamily } from '../../mesh/runtime.ts';

export interface UnreadLimits {
  readonly stallMs: number;
  readonly bytesPerSecond: number;
  /** Of all. */
  readonly bytes: number;
  /** How often the time is looked at. */
  readonly checkMs: number;
}
export const unreadLimits: UnreadLimits = {
  stallMs: bounds.httpStallMs,
  bytesPerSecond: bounds.httpReadBytes,
  bytes: bounds.httpUnreadBytes,
  checkMs: 1_000,
};

interface Unread {
  readonly bytes: number;
  readonly until: number;
}

export class UnreadAnswers {
  readonly #limits: UnreadLimits;
  /** Oldest first. */
  readonly #waiting = new Map<ServerResponse, Unread>();
  #bytes = 0;
  #cut = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(limits: UnreadLimits) {
    this.#limits = limits;
  }

  /** For an answer that was written to its end. Most are in the kernel by then: of those nothing is kept. */
  watch(response: ServerResponse): void {
    const { socket, writableLength: bytes } = response;
    if (bytes === 0 || response.destroyed) return;
    // It is behind another one on its connection: until its turn comes nobody could read it.
    if (socket === null) {
      response.once('socket', () => {
        this.watch(response);
      });
      return;
    }
    const { stallMs, bytesPerSecond, checkMs } = this.#limits;
    const until = performance.now() + stallMs + (1_000 * bytes) / bytesPerSecond;
    this.#waiting.set(response, { bytes, until });
    this.#bytes += bytes;
    response.once('close', () => {
      this.#forget(response);
    });
    this.#timer ??= setInterval(this.#look, checkMs);
    this.#makeRoom();
  }

  families(gateway: string): MetricFamily[] {
    const samples = (value: number): MetricFamily['samples'] => [{ labels: { gateway }, value }];
    // prettier-ignore
    return [
      { name: 'tutti_http_unread_bytes', type: 'gauge', help: 'Answers that were written and not yet read.', samples: samples(this.#bytes) },
      { name: 'tutti_http_unread_total', type: 'counter', help: 'Readers of answers that were cut off: they did not read.', samples: samples(this.#cut) },
    ];
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #makeRoom(): void {
    for (const response of this.#waiting.keys()) {
      if (this.#bytes <= this.#limits.bytes) return;
      this.#cutOff(response);
    }
  }

  readonly #look = (): void => {
    const now = performance.now();
    for (const [response, { until }] of this.#waiting) if (now > until) this.#cutOff(response);
  };

  #cutOff(response: ServerResponse): void {
    this.#cut += 1;
    this.#forget(response);
    // Not closed politely: the kernel would keep for a reader who does not read what it has taken.
    response.socket?.resetAndDestroy();
  }

  #forget(response: ServerResponse): void {
    const unread = this.#waiting.get(response);
    if (unread === undefined) return;
    this.#waiting.delete(response);
    this.#bytes -= unread.bytes;
    if (this.#waiting.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
