/** What the writers of areas have in common whose rows are numbered: they pass on what is asked, and know the next number without asking for each row. */
import type { AreaWriter, StoreRow, StoreValue, StoreWriter } from './area.ts';

export abstract class NumberingWriter implements AreaWriter {
  readonly #db: StoreWriter;
  readonly #table: string;
  #last: number | undefined;

  /** @param table has `INTEGER PRIMARY KEY AUTOINCREMENT`, and is written by this alone. */
  constructor(db: StoreWriter, table: string) {
    this.#db = db;
    this.#table = table;
  }

  abstract begin(now: number): void;
  abstract finish(): void;

  get(sql: string, ...values: StoreValue[]): StoreRow | undefined {
    return this.#db.get(sql, ...values);
  }

  all(sql: string, ...values: StoreValue[]): StoreRow[] {
    return this.#db.all(sql, ...values);
  }

  run(sql: string, ...values: StoreValue[]): number {
    return this.#db.run(sql, ...values);
  }

  insert(table: string, row: readonly StoreValue[]): void {
    this.#db.insert(table, row);
  }

  /** The number that was given last; 0: none was. */
  get lastSeq(): number {
    return (this.#last ??= Number(
      this.get('SELECT seq FROM sqlite_sequence WHERE name = ?', this.#table)?.['seq'] ?? 0,
    ));
  }

  /** Never given to another row. */
  nextSeq(): number {
    return (this.#last = this.lastSeq + 1);
  }
}
