/** SQL by its text, prepared once. What an area may do with a database: it sees neither transactions nor settings. */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { bounds } from '../../core/bounds.ts';
import type { StoreRow, StoreValue, StoreWriter } from './area.ts';

export class Statements implements StoreWriter {
  readonly #database: DatabaseSync;
  readonly #prepared = new Map<string, StatementSync>();

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  get(sql: string, ...values: StoreValue[]): StoreRow | undefined {
    return this.#prepare(sql).get(...values);
  }

  all(sql: string, ...values: StoreValue[]): StoreRow[] {
    return this.#prepare(sql).all(...values);
  }

  run(sql: string, ...values: StoreValue[]): number {
    return Number(this.#prepare(sql).run(...values).changes);
  }

  #prepare(sql: string): StatementSync {
    const known = this.#prepared.get(sql);
    if (known !== undefined) return known;
    const statement = this.#database.prepare(sql);
    if (this.#prepared.size < bounds.storeStatements) this.#prepared.set(sql, statement);
    return statement;
  }
}
