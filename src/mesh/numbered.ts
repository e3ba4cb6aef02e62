/**
 * What is kept under numbers that count up, such as the calls of a connection: each in the place of its last digits. Used by both sides.
 * Not a Map. When the engine makes a full Map anew, the old one points to the new one. Once one of them has grown old, whatever was in any
 * later one lives until the next large collection: with calls of 10 KB that was half of all young memory, copied time and again.
 */
const firstPlaces = 16;

export class Numbered<Item extends object> {
  #numbers = new Uint32Array(firstPlaces);
  #items: (Item | undefined)[] = placesFor(firstPlaces);
  /** Those whose place was taken: of a peer that does not count up. */
  readonly #crowded = new Map<number, Item>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Whether its place is free: who draws numbers takes no other. */
  isFree(number: number): boolean {
    return this.#items[this.#placeOf(number)] === undefined;
  }

  get(number: number): Item | undefined {
    const at = this.#placeOf(number);
    if (this.#numbers[at] === number) return this.#items[at];
    return this.#crowded.size === 0 ? undefined : this.#crowded.get(number);
  }

  /** Wants a number that is not in use. */
  add(number: number, item: Item): void {
    this.#size += 1;
    // More places than that are mostly free, so that numbers that count up find one.
    if (this.#size * 2 > this.#items.length) this.#grow();
    this.#put(number, item);
  }

  /** False when nothing is there. */
  delete(number: number): boolean {
    const at = this.#placeOf(number);
    if (this.#numbers[at] !== number || this.#items[at] === undefined) {
      if (!this.#crowded.delete(number)) return false;
    } else {
      this.#items[at] = undefined;
    }
    this.#size -= 1;
    return true;
  }

  /** A copy. */
  all(): Item[] {
    return [...this.#items.filter((item) => item !== undefined), ...this.#crowded.values()];
  }

  clear(): void {
    this.#items.fill(undefined);
    this.#crowded.clear();
    this.#size = 0;
  }

  /** Counted from the end, where numbers that follow one another differ. */
  #placeOf(number: number): number {
    return number & (this.#items.length - 1);
  }

  #put(number: number, item: Item): void {
    const at = this.#placeOf(number);
    if (this.#items[at] !== undefined) {
      this.#crowded.set(number, item);
      return;
    }
    this.#numbers[at] = number;
    this.#items[at] = item;
  }

  #grow(): void {
    const numbers = this.#numbers;
    const items = this.#items;
    this.#numbers = new Uint32Array(items.length * 2);
    this.#items = placesFor(items.length * 2);
    for (const [at, item] of items.entries()) if (item !== undefined) this.#put(numbers[at] ?? 0, item);
  }
}

const placesFor = <Item>(count: number): (Item | undefined)[] =>
  Array.from({ length: count }, () => undefined);
