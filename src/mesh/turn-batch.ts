/**
 * Asks the store for many small changes as one: what one handler asks for in one turn of the event loop goes together, and each hears of its own. Handlers do not
 * share a change: each has its deadline, its trace and its user.
 */
import { bounds } from '../core/bounds.ts';
import { isTuttiError } from '../core/errors.ts';
import { currentContext } from './context.ts';
import type { CallContext } from './context.ts';

export interface TurnBatchNeeds<Item, Answer> {
  /** All of them or none. Gives what became of each, in their order. @param group for whom, as `add` was told. */
  readonly ask: (items: readonly Item[], group: string) => Promise<readonly Answer[]>;
  readonly charsOf: (item: Item) => number;
}

interface Waiting<Item, Answer> {
  readonly item: Item;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
}

/** Those of one handler and group, of one turn. */
interface Batch<Item, Answer> {
  readonly group: string;
  waiting: Waiting<Item, Answer>[];
  chars: number;
}

export class TurnBatches<Item, Answer> {
  readonly #needs: TurnBatchNeeds<Item, Answer>;
  /** By handler and group; they are gone at the end of the turn. */
  readonly #batches = new Map<CallContext | undefined, Map<string, Batch<Item, Answer>>>();

  constructor(needs: TurnBatchNeeds<Item, Answer>) {
    this.#needs = needs;
  }

  add(group: string, item: Item): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const batch = this.#batchOf(group);
      batch.waiting.push({ item, resolve, reject });
      batch.chars += this.#needs.charsOf(item);
      if (batch.waiting.length >= bounds.batchItems || batch.chars >= bounds.batchChars) this.#send(batch);
    });
  }

  #batchOf(group: string): Batch<Item, Answer> {
    const context = currentContext();
    let batches = this.#batches.get(context);
    if (batches === undefined) {
      this.#batches.set(context, (batches = new Map<string, Batch<Item, Answer>>()));
      // After the promise jobs of this turn, and in the context of that handler.
      process.nextTick(() => {
        this.#sendAll(context);
      });
    }
    let batch = batches.get(group);
    if (batch === undefined) batches.set(group, (batch = { group, waiting: [], chars: 0 }));
    return batch;
  }

  #sendAll(context: CallContext | undefined): void {
    const batches = this.#batches.get(context) ?? [];
    this.#batches.delete(context);
    for (const [, batch] of batches) this.#send(batch);
  }

  #send(batch: Batch<Item, Answer>): void {
    const { group, waiting } = batch;
    batch.waiting = [];
    batch.chars = 0;
    if (waiting.length > 0) void this.#ask(group, waiting);
  }

  async #ask(group: string, waiting: readonly Waiting<Item, Answer>[]): Promise<void> {
    const items = waiting.map(({ item }) => item);
    try {
      const answers = await this.#needs.ask(items, group);
      for (const [index, { resolve }] of waiting.entries()) resolve(answers[index] as Answer);
    } catch (error) {
      const isFull = isTuttiError(error, 'OVERLOADED') && error.data['isFull'] === true;
      // There may be room for some of them.
      if (isFull && waiting.length > 1) for (const one of waiting) await this.#ask(group, [one]);
      else for (const { reject } of waiting) reject(error);
    }
  }
}
