/** What both peers of bench/events.ts do alike: so many events, each with the number it has under its key, and somebody who looks at the order. */

export interface Told {
  readonly key: string;
  readonly number: number;
  readonly text: string;
}

export interface RunningEvents extends AsyncDisposable {
  /** As in `jobs.ts`. */
  meter(): Promise<() => number>;
  /** Tells so many more; resolves when all were heard, each in its order. Gives milliseconds. */
  tell(count: number): Promise<number>;
}

const inFlight = 100;
/** A hundred bytes. */
const text = 'x'.repeat(60);

/** As many keys as are told at once: each is told in its own order, whatever the others do. */
export class Teller {
  readonly #numbers = new Map<string, number>();

  async tell(count: number, tellOne: (told: Told) => Promise<unknown>): Promise<void> {
    let left = count;
    const loop = async (key: string): Promise<void> => {
      while (left > 0) {
        left -= 1;
        const number = (this.#numbers.get(key) ?? 0) + 1;
        this.#numbers.set(key, number);
        await tellOne({ key, number, text });
      }
    };
    await Promise.all(Array.from({ length: inFlight }, (_none, index) => loop(`key ${String(index)}`)));
  }
}

interface Waiter {
  readonly total: number;
  readonly done: () => void;
}

export class Hearer {
  readonly #numbers = new Map<string, number>();
  #heard = 0;
  #waiter: Waiter | undefined;

  /** @throws {Error} when it is not the one that follows. */
  hear({ key, number }: Told): void {
    const last = this.#numbers.get(key) ?? 0;
    if (number !== last + 1) throw new Error(`${key}: ${String(number)} came behind ${String(last)}`);
    this.#numbers.set(key, number);
    this.#heard += 1;
    if (this.#waiter !== undefined && this.#heard >= this.#waiter.total) this.#waiter.done();
  }

  /** Resolves when so many were heard since its start. */
  async until(total: number): Promise<void> {
    if (this.#heard >= total) return;
    const { promise, resolve } = Promise.withResolvers<undefined>();
    this.#waiter = {
      total,
      done: () => {
        resolve(undefined);
      },
    };
    await promise;
  }
}
