/**
 * Carries items from where they come to where they go, one at a time. Used by both sides of a stream.
 */
export type Items<Item = unknown> = AsyncIterable<Item> | Iterable<Item>;

type Source = AsyncIterator<unknown> | Iterator<unknown>;

const sourceOf = (items: Items): Source =>
  Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]();

export class Pump {
  readonly #source: Source;
  readonly #deliver: (item: unknown) => Promise<void> | undefined;

  constructor(items: Items, deliver: (item: unknown) => Promise<void> | undefined) {
    this.#source = sourceOf(items);
    this.#deliver = deliver;
  }

  /**
   * Gives what the items return at their end. When one cannot be delivered their source is ended (the `finally` of a generator runs).
   * @throws what the source throws, or the delivery
   */
  async run(): Promise<unknown> {
    for (;;) {
      const result = await this.#source.next();
      if (result.done === true) return result.value;
      try {
        const delivered = this.#deliver(result.value);
        if (delivered !== undefined) await delivered;
      } catch (error) {
        await this.#source.return?.(undefined);
        throw error;
      }
    }
  }

  /** Nobody wants more: a source that waits is told, where it can be. */
  stop(): void {
    // A generator that waits ends after its wait; what it throws then is nobody's.
    void Promise.resolve(this.#source.return?.(undefined)).catch(() => undefined);
  }
}
