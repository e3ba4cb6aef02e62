/** Another copy of a store, made of what its commits changed: at the end it must be the same, row by row. */
import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import type { CommitKeeper } from '../../src/stores/sqlite/commit-keeper.ts';
import { openReader } from '../../src/stores/sqlite/open-database.ts';
import { applyChanges } from '../../src/stores/sqlite/recording.ts';

export class Replica implements CommitKeeper {
  readonly #path: string;
  #file = '';
  #database: DatabaseSync | undefined;
  #commits = 0;

  constructor(path: string) {
    this.#path = path;
  }

  /** Of a store that is open, and has not changed yet. */
  begin(file: string): void {
    this.#file = file;
    using reader = openReader(file);
    reader.exec(`VACUUM INTO '${this.#path}'`);
    this.#database = new DatabaseSync(this.#path, { enableForeignKeyConstraints: false });
  }

  keep(_number: number, changes: Uint8Array): Promise<void> {
    applyChanges(this.#database ?? assert.fail('it has not begun'), changes);
    this.#commits += 1;
    return Promise.resolve();
  }

  check(): void {
    const copy = this.#database ?? assert.fail('it has not begun');
    using store = openReader(this.#file);
    const names = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_stat%'";
    for (const { name } of store.prepare(names).all()) {
      const rows = `SELECT * FROM "${String(name)}" ORDER BY 1, 2`;
      assert.deepEqual(
        copy.prepare(rows).all(),
        store.prepare(rows).all(),
        `${String(name)} after ${String(this.#commits)} commits`,
      );
    }
    copy.close();
  }
}
