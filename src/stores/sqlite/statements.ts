/** SQL by its text, prepared once. What an area may do with a database: it sees neither transactions nor settings. */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { bounds } from '../../core/bounds.ts';
import type { StoreRow, StoreValue, StoreWriter } from './area.ts';

interface Prepared {
  readonly statement: StatementSync;
  /** Of what it gives. */
  readonly columns: readonly string[];
}

/**
 * Node's own rows are slow objects: to read, copy and check a row of twenty columns took 10 microseconds, and takes 4 this way.
 */
function rowOf(columns: readonly string[], values: readonly StoreValue[]): StoreRow {
  const row: Record<string, StoreValue> = {};
  // Each has its value: these are the columns of this very statement.
  for (const [index, column] of columns.entries()) row[column] = values[index] as StoreValue;
  return row;
}

/** What a bare `LIMIT ?` is bound to may change SQLite's plan: it would make the statement anew at each use, which costs more than a small page. */
const plannedOnce = (sql: string): string => sql.replaceAll('LIMIT ?', 'LIMIT ? + 0');

export class Statements implements StoreWriter {
  /** How often something was to be written. */
  runs = 0;
  readonly #database: DatabaseSync;
  readonly #prepared = new Map<string, Prepared>();

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  get(sql: string, ...values: StoreValue[]): StoreRow | undefined {
    const { statement, columns } = this.#prepare(sql);
    const found = statement.get(...values) as StoreValue[] | undefined;
    return found && rowOf(columns, found);
  }

  all(sql: string, ...values: StoreValue[]): StoreRow[] {
    // What is removed may tell what it was.
    if (!sql.startsWith('SELECT')) this.runs += 1;
    const { statement, columns } = this.#prepare(sql);
    const found = statement.all(...values) as unknown as StoreValue[][];
    return found.map((row) => rowOf(columns, row));
  }

  run(sql: string, ...values: StoreValue[]): number {
    this.runs += 1;
    return Number(this.#prepare(sql).statement.run(...values).changes);
  }

  #prepare(sql: string): Prepared {
    const known = this.#prepared.get(sql);
    if (known !== undefined) return known;
    const statement = this.#database.prepare(plannedOnce(sql));
    statement.setReturnArrays(true);
    const prepared = { statement, columns: statement.columns().map(({ name }) => name) };
    if (this.#prepared.size < bounds.storeStatements) this.#prepared.set(sql, prepared);
    return prepared;
  }
}
