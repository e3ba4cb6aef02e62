/** Requests that come when they come, however many wait for their answers: what overload is. */
import { Agent, request } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';

export interface Answered {
  readonly url: string;
  readonly status: number;
  readonly tookMs: number;
  readonly retryAfter: string | undefined;
}

const everyMs = 5;

export class OpenLoad implements Disposable {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 2_000 });

  /** 0: no answer. */
  ask(url: string): Promise<Answered> {
    const began = performance.now();
    return new Promise((resolve) => {
      const end = (status: number, retryAfter?: string): void => {
        resolve({ url, status, tookMs: performance.now() - began, retryAfter });
      };
      request(url, { agent: this.#agent, signal: AbortSignal.timeout(10_000) }, (response) => {
        response.resume().on('end', () => {
          end(response.statusCode ?? 0, response.headers['retry-after']);
        });
      })
        .on('error', () => {
          end(0);
        })
        .end();
    });
  }

  /** So many a second of each URL, for so long; resolves when all are answered. */
  async offer(perSecond: Readonly<Record<string, number>>, ms: number): Promise<Answered[]> {
    const began = performance.now();
    const asked: Promise<Answered>[] = [];
    const sent = new Map<string, number>();
    for (let now = 0; now < ms; now = performance.now() - began) {
      for (const [url, rate] of Object.entries(perSecond))
        for (let count = sent.get(url) ?? 0; count < (now / 1_000) * rate; count += 1) {
          asked.push(this.ask(url));
          sent.set(url, count + 1);
        }
      await pause(everyMs);
    }
    return Promise.all(asked);
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }
}

/** Of sorted values; NaN of none. */
export const quantile = (values: readonly number[], part: number): number =>
  values.toSorted((one, other) => one - other)[Math.floor((values.length - 1) * part)] ?? NaN;
