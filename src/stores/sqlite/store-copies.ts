/** What reads an open store from end to end: a copy, a check. One at a time, for each takes the disk for itself. Used by the store. */
import type { Area } from './area.ts';
import { backUpStore } from './copy-store.ts';
import type { CopySource } from './copy-store.ts';
import type { Transaction } from './transaction.ts';
import { verifyStore } from './verify-store.ts';
import type { StoreReport } from './verify-store.ts';

interface StoreCopiesNeeds {
  readonly copier: CopySource;
  readonly file: string;
  readonly areas: readonly Area[];
  readonly transaction: Transaction;
  /** Throws when the store does nothing more. */
  readonly refuseWhenOver: () => void;
}

export class StoreCopies {
  readonly #needs: StoreCopiesNeeds;
  readonly #stop = new AbortController();
  #last: Promise<unknown> = Promise.resolve();

  constructor(needs: StoreCopiesNeeds) {
    this.#needs = needs;
  }

  backup(to: string): Promise<void> {
    return this.#whenLastIsDone(() => backUpStore(this.#needs.copier, to, this.#stop.signal));
  }

  verify(): Promise<StoreReport> {
    const { copier, file, areas } = this.#needs;
    const tables = areas.flatMap((area) => area.tables);
    return this.#whenLastIsDone(() => verifyStore({ copier, file, tables, signal: this.#stop.signal }));
  }

  /** Those that run are ended. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.#last;
  }

  #whenLastIsDone<T>(run: () => Promise<T>): Promise<T> {
    const result = this.#last.then(() => {
      this.#needs.refuseWhenOver();
      return this.#whileNothingIsHeld(run);
    });
    this.#last = result.catch(() => undefined);
    return result;
  }

  /** SQLite copies nothing while a transaction is open. @throws {TuttiError} `STORE_FULL`. */
  async #whileNothingIsHeld<T>(run: () => Promise<T>): Promise<T> {
    const { transaction } = this.#needs;
    transaction.commitHeld();
    transaction.mayHold = false;
    try {
      return await run();
    } finally {
      transaction.mayHold = true;
    }
  }
}
