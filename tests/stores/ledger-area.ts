/** An area to try the engine with: numbers with a text, one mutation for each thing that can go wrong. */
import { TuttiError } from '../../src/core/errors.ts';
import type { Area, CheckedTable, StoreReader, StoreWriter } from '../../src/stores/sqlite/area.ts';
import { checkedRow, checksumOf } from '../../src/stores/sqlite/checksum.ts';

interface Entry {
  readonly number: number;
  readonly text: string;
}

const table: CheckedTable = { name: 'ledger_entries', key: ['number'], content: ['text'] };

function add(db: StoreWriter, { number, text }: Entry): number {
  db.insert('ledger_entries', [number, text, checksumOf(table, { number, text })]);
  return number;
}

const count = (db: StoreReader): number =>
  Number(db.get('SELECT count(*) AS count FROM ledger_entries')?.['count']);

export const ledgerArea: Area = {
  name: 'ledger',
  migrations: [
    `CREATE TABLE ledger_entries (number INTEGER PRIMARY KEY, text TEXT NOT NULL, checksum INTEGER NOT NULL) STRICT;`,
  ],
  tables: [table],
  mutations: {
    add,
    /** Its answer is how many there are then. */
    append: (db, entry: Entry) => {
      add(db, entry);
      return count(db);
    },
    refuse: (db, { entry, code }: { readonly entry: Entry; readonly code: string }) => {
      add(db, entry);
      throw new TuttiError(code, { what: `number ${String(entry.number)}` });
    },
    break: (db, entry: Entry) => {
      add(db, entry);
      throw new TypeError('a bug');
    },
    /** When it has removed all there is. */
    breakLate: (db) => {
      db.run('DELETE FROM ledger_entries');
      throw new TypeError('a bug');
    },
    wait: (db, entry: Entry) => Promise.resolve(add(db, entry)),
    answer: (_db, { bytes }: { readonly bytes: number }) => 'x'.repeat(bytes),
    look: (db) => count(db),
    remove: (db, { number }: { readonly number: number }) =>
      db.run('DELETE FROM ledger_entries WHERE number = ?', number),
  },
  queries: {
    numbers: (db) => db.all('SELECT number FROM ledger_entries ORDER BY number').map(({ number }) => number),
    text: (db, { number }: { readonly number: number }) => {
      const row = db.get('SELECT * FROM ledger_entries WHERE number = ?', number);
      return row === undefined ? undefined : checkedRow(table, row)['text'];
    },
  },
};

/** As the next version of the code knows it: the steps are big enough to be killed in. */
export const nextLedgerArea: Area = {
  ...ledgerArea,
  queries: {
    ...ledgerArea.queries,
    notes: (db) => db.get('SELECT count(*) AS count FROM ledger_notes')?.['count'],
  },
  migrations: [
    ...ledgerArea.migrations,
    `CREATE TABLE ledger_notes (number INTEGER PRIMARY KEY, note TEXT NOT NULL) STRICT;
     INSERT INTO ledger_notes SELECT number, text FROM ledger_entries;`,
    `CREATE INDEX ledger_notes_by_note ON ledger_notes (note);`,
  ],
};
