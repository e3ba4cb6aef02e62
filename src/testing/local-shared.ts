/** `shared` for one process: the same numbers, without shared memory. Used by the test kit. */
import type { Shared, SharedCounter, SharedGauge } from '../define/handling.ts';

export class LocalShared implements Shared {
  readonly #values = new Map<string, number>();

  counter(name: string): SharedCounter {
    const read = this.#reader(name);
    return {
      add: (amount = 1) => {
        this.#values.set(name, read() + amount);
      },
      get value() {
        return read();
      },
    };
  }

  gauge(name: string): SharedGauge {
    const read = this.#reader(name);
    return {
      set: (value) => {
        this.#values.set(name, value);
      },
      get value() {
        return read();
      },
    };
  }

  values(): Record<string, number> {
    return Object.fromEntries(this.#values);
  }

  #reader(name: string): () => number {
    return () => this.#values.get(name) ?? 0;
  }
}
