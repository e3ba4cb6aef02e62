/** SQL by its text, prepared once. What an area may do with a database: it sees neither transactions nor settings. */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { bounds } from '../../core/bounds.ts';
import type { StoreRow, StoreValue, StoreWriter } from './area.ts';
import type { Written } from './written.ts';

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

/** What one statement inserts at most; what is left over is written by halves of it, so that there are few statements. */
const mostRows = 32;

const insertOf = (table: string, columns: number, rows: number): string => {
  const one = `(${Array.from({ length: columns }, () => '?').join()})`;
  return `INSERT INTO ${table} VALUES ${Array.from({ length: rows }, () => one).join()}`;
};

export class Statements implements StoreWriter {
  /** How often something was to be written. */
  runs = 0;
  /** How many rows were changed. */
  changed = 0;
  /** Notes what is written; undefined: nobody does. */
  written: Written | undefined;
  readonly #database: DatabaseSync;
  readonly #prepared = new Map<string, Prepared>();
  /** By table and number of rows. */
  readonly #inserts = new Map<string, string>();
  /** Of one table, and not written yet. */
  #rows: (readonly StoreValue[])[] = [];
  #table = '';

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  get(sql: string, ...values: StoreValue[]): StoreRow | undefined {
    this.flush();
    const { statement, columns } = this.#prepare(sql);
    const found = statement.get(...values) as StoreValue[] | undefined;
    return found && rowOf(columns, found);
  }

  all(sql: string, ...values: StoreValue[]): StoreRow[] {
    this.flush();
    // What is removed may tell what it was.
    if (!sql.startsWith('SELECT')) this.runs += 1;
    const { statement, columns } = this.#prepare(sql);
    const found = statement.all(...values) as unknown as StoreValue[][];
    if (!sql.startsWith('SELECT')) this.#note(sql, values, found.length);
    return found.map((row) => rowOf(columns, row));
  }

  run(sql: string, ...values: StoreValue[]): number {
    this.flush();
    this.runs += 1;
    const changes = Number(this.#prepare(sql).statement.run(...values).changes);
    this.#note(sql, values, changes);
    return changes;
  }

  /** What changes no row: a savepoint, and its end. */
  mark(sql: string): void {
    this.flush();
    this.#prepare(sql).statement.run();
  }

  insert(table: string, row: readonly StoreValue[]): void {
    if (this.#table !== table || this.#rows.length === mostRows) this.flush();
    this.runs += 1;
    this.#table = table;
    this.#rows.push(row);
  }

  /** Writes what was inserted. @throws what SQLite says of any of those rows: they are gone then, whoever inserted them. */
  flush(): void {
    if (this.#rows.length === 0) return;
    const rows = this.#rows;
    this.#rows = [];
    try {
      for (let at = 0, count = mostRows; at < rows.length; at += count) {
        while (count > rows.length - at) count /= 2;
        const sql = this.#insertOf(rows[at] ?? [], count);
        const values = rows.slice(at, at + count).flat();
        this.#prepare(sql).statement.run(...values);
        this.#note(sql, values, count);
      }
    } catch (error) {
      // Who looks next has changed what was there, too: nothing of the transaction may stay.
      this.runs += 1;
      throw error;
    }
  }

  /** What was inserted and is not written yet: it is undone. */
  discard(): void {
    this.#rows = [];
  }

  #note(sql: string, values: readonly StoreValue[], changes: number): void {
    this.changed += changes;
    if (changes > 0) this.written?.note(sql, values, changes);
  }

  #insertOf(row: readonly StoreValue[], count: number): string {
    const kind = `${this.#table} ${String(count)}`;
    let sql = this.#inserts.get(kind);
    if (sql === undefined) this.#inserts.set(kind, (sql = insertOf(this.#table, row.length, count)));
    return sql;
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
