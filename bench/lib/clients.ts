/** Clients that ask without a pause while something is done to those who answer. */
import { Agent, request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';

export interface Asked {
  readonly sentAt: number;
  readonly tookMs: number;
  readonly isGood: boolean;
}

const answerMs = 5_000;
/** Between two requests of one client: the processes that are measured shall have time to spare. */
const restMs = 2;

export class Clients implements AsyncDisposable {
  readonly asked: Asked[] = [];
  readonly #agent: Agent;
  readonly #loops: Promise<void>[];
  #isOver = false;

  constructor(url: string, count: number) {
    this.#agent = new Agent({ keepAlive: true, maxSockets: count });
    this.#loops = Array.from({ length: count }, () => this.#loop(url));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#loops);
    this.#agent.destroy();
  }

  async #loop(url: string): Promise<void> {
    while (!this.#isOver) {
      const sentAt = performance.now();
      const isGood = await this.#ask(url);
      this.asked.push({ sentAt, tookMs: performance.now() - sentAt, isGood });
      await delay(restMs);
    }
  }

  #ask(url: string): Promise<boolean> {
    return new Promise((resolve) => {
      const signal = AbortSignal.timeout(answerMs);
      const sent = request(url, { agent: this.#agent, signal }, (response) => {
        const end = (isGood: boolean): void => {
          resolve(isGood && response.statusCode === 200);
        };
        response
          .resume()
          .on('end', () => {
            end(true);
          })
          .on('error', () => {
            end(false);
          });
      });
      sent
        .on('error', () => {
          resolve(false);
        })
        .end();
    });
  }
}
