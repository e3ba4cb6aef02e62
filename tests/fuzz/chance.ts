/** Chance that can be had again, and how much of a test runs: `TUTTI_SEED` replays what a failed run told, `TUTTI_LONG=1` asks for full counts. */
import { test } from 'node:test';

export const isLong = process.env['TUTTI_LONG'] === '1';

/** CI has 25 minutes on two cores; what takes long there, and has a shorter test beside it, runs everywhere else. */
export const slowTest: typeof test = (
  process.env['CI'] !== 'true' || isLong ? test : () => Promise.resolve()
) as typeof test;

/** What is the same wherever the store is: CI tries it with a store in a file, and not once more with each engine. */
export const anyStoreTest: typeof test = process.env['TUTTI_TEST_STORE'] === undefined ? test : slowTest;

/** So that the usual run stays short. */
export const times = (usual: number, long: number): number => (isLong ? long : usual);

const given = process.env['TUTTI_SEED'];

export class Chance {
  readonly seed: number;
  #state: number;

  constructor(seed = given === undefined ? Math.floor(Math.random() * 2 ** 32) : Number(given)) {
    this.seed = seed >>> 0;
    this.#state = this.seed;
  }

  /** From 0 up to 1: mulberry32. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  pick<Item>(items: readonly [Item, ...Item[]]): Item {
    return items[this.below(items.length)] ?? items[0];
  }

  shuffled<Item>(items: readonly Item[]): Item[] {
    const some = [...items];
    for (let last = some.length - 1; last > 0; last -= 1) {
      const other = this.below(last + 1);
      [some[last], some[other]] = [some[other] as Item, some[last] as Item];
    }
    return some;
  }
}
