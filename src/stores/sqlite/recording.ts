/**
 * What one transaction changes, as bytes that another copy of the store can be brought up to date with: the length of a head of JSON (4 bytes, little-endian),
 * that head, and a patchset of SQLite: https://sqlite.org/session/sqlite3session_patchset.html
 */
import type { DatabaseSync, Session } from 'node:sqlite';
import { TuttiError } from '../../core/errors.ts';

/** A patchset knows nothing of it: the highest number that a table ever gave, so that none is given twice. */
interface RecordHead {
  readonly numbers: Readonly<Record<string, number>>;
}

const lengthBytes = 4;
const isNumbering = "SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_sequence'";

export class Recording implements Disposable {
  readonly #database: DatabaseSync;
  readonly #session: Session;

  constructor(database: DatabaseSync) {
    this.#database = database;
    this.#session = database.createSession();
  }

  changes(): Uint8Array {
    const head = Buffer.from(JSON.stringify({ numbers: numbersOf(this.#database) } satisfies RecordHead));
    const length = Buffer.alloc(lengthBytes);
    length.writeUInt32LE(head.length);
    return Buffer.concat([length, head, this.#session.patchset()]);
  }

  [Symbol.dispose](): void {
    this.#session.close();
  }
}

function numbersOf(database: DatabaseSync): Record<string, number> {
  if (database.prepare(isNumbering).get() === undefined) return {};
  const rows = database.prepare('SELECT name, seq FROM sqlite_sequence').all();
  return Object.fromEntries(rows.map(({ name, seq }) => [String(name), Number(seq)]));
}

/**
 * Makes in a copy of the store what the transaction made in the store. The connection enforces no foreign keys: what a cascade removed has a record too.
 * @throws {TuttiError} `STORE_CORRUPT` when the copy is not as the store was before it.
 */
export function applyChanges(database: DatabaseSync, bytes: Uint8Array): void {
  const record = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const start = lengthBytes + record.readUInt32LE();
  const { numbers } = JSON.parse(record.toString('utf8', lengthBytes, start)) as RecordHead;
  if (!database.applyChangeset(record.subarray(start)))
    throw new TuttiError('STORE_CORRUPT', { what: 'a kept commit that does not follow the one before it' });
  for (const [table, number] of Object.entries(numbers)) setNumber(database, table, number);
}

function setNumber(database: DatabaseSync, table: string, number: number): void {
  const { changes } = database
    .prepare('UPDATE sqlite_sequence SET seq = ? WHERE name = ?')
    .run(number, table);
  if (changes === 0) database.prepare('INSERT INTO sqlite_sequence VALUES (?, ?)').run(table, number);
}
