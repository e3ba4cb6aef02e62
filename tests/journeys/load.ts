/** Clients that ask until they are told to stop, and remember every answer. */
import { setTimeout as pause } from 'node:timers/promises';

export interface Tally {
  asked: number;
  readonly statuses: Map<number, number>;
  readonly failures: string[];
}

/** Of a client between two requests: what is tested is not the machine, which others use too. */
const usualRestMs = 10;

export class Load implements AsyncDisposable {
  readonly tally: Tally = { asked: 0, statuses: new Map(), failures: [] };
  readonly #clients: Promise<void>[];
  #isStopped = false;

  /** @param check says what is wrong with an answer, or nothing. */
  // eslint-disable-next-line max-params -- how many, with what, judged how, how busy
  constructor(
    clients: number,
    ask: (n: number) => Promise<Response>,
    check?: (n: number, body: string) => string | undefined,
    restMs = usualRestMs,
  ) {
    const run = async (): Promise<void> => {
      while (!this.#isStopped) {
        const n = (this.tally.asked += 1);
        try {
          const response = await ask(n);
          const body = await response.text();
          this.tally.statuses.set(response.status, (this.tally.statuses.get(response.status) ?? 0) + 1);
          const wrong = response.ok ? check?.(n, body) : `${String(response.status)} ${body}`;
          if (wrong !== undefined) this.tally.failures.push(wrong);
        } catch (error) {
          const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : '';
          this.tally.failures.push(`${String(error)} ${cause}`);
        }
        if (restMs > 0) await pause(restMs);
      }
    };
    this.#clients = Array.from({ length: clients }, run);
  }

  /** Until this many more were asked: an event to wait for instead of a time. */
  async more(count: number): Promise<void> {
    const target = this.tally.asked + count;
    while (this.tally.asked < target && !this.#isStopped) await new Promise((done) => setTimeout(done, 5));
  }

  async stop(): Promise<Tally> {
    this.#isStopped = true;
    await Promise.all(this.#clients);
    return this.tally;
  }

  /** A test that failed must not ask for ever. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}
