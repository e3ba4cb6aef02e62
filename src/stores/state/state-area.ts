/** The area `state` of a store: the tables, and what is done with them. Whoever asks has checked keys and values: see `state-store.ts`. */
import { bounds } from '../../core/bounds.ts';
import { TuttiError } from '../../core/errors.ts';
import type { Area, CheckedTable, StoreReader, StoreRow, StoreWriter } from '../sqlite/area.ts';
import { checkedRow, checksumOf } from '../sqlite/checksum.ts';
import type { DeleteOptions, ListOptions, PutOptions } from './state-store.ts';

/** As it lies in the table: the value is JSON. */
export interface StateRow {
  readonly key: string;
  readonly value: string;
  readonly version: number;
  readonly expires_at: number | null;
}

export interface PutInput extends PutOptions {
  readonly key: string;
  readonly value: string;
}

export interface PutOutput {
  readonly stored: boolean;
  readonly row: StateRow | undefined;
}

interface Totals {
  readonly version: number;
  readonly entries: number;
  readonly bytes: number;
}

const entries: CheckedTable = {
  name: 'state_entries',
  key: ['key'],
  content: ['value', 'version', 'expires_at'],
};
const totals: CheckedTable = { name: 'state_totals', key: ['one'], content: ['version', 'entries', 'bytes'] };

const isCurrent = '(expires_at IS NULL OR expires_at > ?)';
/** Behind every key that begins so: no UTF-8 has such a byte. */
const endOfPrefix = "? || CAST(x'FF' AS TEXT)";
const sizes = 'octet_length(key) + octet_length(value) AS bytes';

export const stateArea: Area = {
  name: 'state',
  migrations: [
    `CREATE TABLE state_entries (
       key TEXT PRIMARY KEY,
       value TEXT NOT NULL,
       version INTEGER NOT NULL,
       expires_at INTEGER,
       checksum INTEGER NOT NULL
     ) STRICT, WITHOUT ROWID;
     CREATE INDEX state_expiring ON state_entries (expires_at) WHERE expires_at IS NOT NULL;
     CREATE TABLE state_totals (
       one INTEGER PRIMARY KEY CHECK (one = 1),
       version INTEGER NOT NULL,
       entries INTEGER NOT NULL,
       bytes INTEGER NOT NULL,
       checksum INTEGER NOT NULL
     ) STRICT;`,
  ],
  tables: [entries, totals],
  mutations: { put, delete: remove },
  queries: { get, list },
  sweep,
};

/** Expired or not. */
function find(db: StoreReader, key: string): StateRow | undefined {
  const row = db.get('SELECT * FROM state_entries WHERE key = ?', key);
  return row && stateRow(row);
}

const stateRow = (row: StoreRow): StateRow => checkedRow(entries, row) as StoreRow & StateRow;

const isThere = (row: StateRow | undefined, now: number): row is StateRow =>
  row !== undefined && (row.expires_at === null || row.expires_at > now);

function get(db: StoreReader, { key }: { readonly key: string }, now: number): StateRow | undefined {
  const row = find(db, key);
  return isThere(row, now) ? row : undefined;
}

function put(db: StoreWriter, input: PutInput, now: number): PutOutput {
  const { key, value, ttlMs, ifVersion, ifAbsent } = input;
  const found = find(db, key);
  const there = isThere(found, now) ? found : undefined;
  if (ifAbsent === true && there !== undefined) return { stored: false, row: there };
  if (ifVersion !== undefined && there?.version !== ifVersion) return { stored: false, row: there };
  const before = readTotals(db);
  const row = {
    key,
    value,
    version: before.version + 1,
    expires_at: ttlMs === undefined ? null : now + ttlMs,
  };
  const after = {
    version: row.version,
    entries: before.entries + (found === undefined ? 1 : 0),
    bytes: before.bytes + sizeOf(row) - (found === undefined ? 0 : sizeOf(found)),
  };
  refuseOverfull(before, after);
  db.run(
    'INSERT OR REPLACE INTO state_entries VALUES (?, ?, ?, ?, ?)',
    key,
    value,
    row.version,
    row.expires_at,
    checksumOf(entries, row),
  );
  writeTotals(db, after);
  return { stored: true, row };
}

interface DeleteInput extends DeleteOptions {
  readonly key: string;
}

function remove(db: StoreWriter, { key, ifVersion }: DeleteInput, now: number): boolean {
  const there = get(db, { key }, now);
  if (there === undefined || (ifVersion !== undefined && there.version !== ifVersion)) return false;
  subtract(db, db.all(`DELETE FROM state_entries WHERE key = ? RETURNING ${sizes}`, key));
  return true;
}

interface ListInput extends Required<ListOptions> {
  readonly prefix: string;
}

/** One more than was asked for, when there is more. */
function list(db: StoreReader, { prefix, after, limit }: ListInput, now: number): StateRow[] {
  const sql =
    `SELECT * FROM state_entries WHERE key >= ? AND key < ${endOfPrefix} AND key > ? AND ${isCurrent} ` +
    'ORDER BY key LIMIT ?';
  return db.all(sql, prefix, prefix, after, now, limit + 1).map(stateRow);
}

function sweep(db: StoreWriter, now: number, mostRows: number): number {
  const due = 'SELECT key FROM state_entries WHERE expires_at <= ? ORDER BY expires_at LIMIT ?';
  const removed = db.all(`DELETE FROM state_entries WHERE key IN (${due}) RETURNING ${sizes}`, now, mostRows);
  if (removed.length > 0) subtract(db, removed);
  return removed.length;
}

function subtract(db: StoreWriter, removed: readonly StoreRow[]): void {
  const before = readTotals(db);
  const bytes = removed.reduce((sum, row) => sum + Number(row['bytes']), 0);
  writeTotals(db, { ...before, entries: before.entries - removed.length, bytes: before.bytes - bytes });
}

function readTotals(db: StoreReader): Totals {
  const row = db.get('SELECT * FROM state_totals');
  return row === undefined
    ? { version: 0, entries: 0, bytes: 0 }
    : (checkedRow(totals, row) as StoreRow & Totals);
}

function writeTotals(db: StoreWriter, { version, entries: count, bytes }: Totals): void {
  const row = { one: 1, version, entries: count, bytes };
  db.run(
    'INSERT OR REPLACE INTO state_totals VALUES (1, ?, ?, ?, ?)',
    version,
    count,
    bytes,
    checksumOf(totals, row),
  );
}

const sizeOf = ({ key, value }: StateRow): number => Buffer.byteLength(key) + Buffer.byteLength(value);

function refuseOverfull(before: Totals, after: Totals): void {
  const isOver = (name: 'entries' | 'bytes', most: number): boolean =>
    after[name] > most && after[name] > before[name];
  if (isOver('entries', bounds.stateEntries) || isOver('bytes', bounds.stateBytes))
    throw new TuttiError('OVERLOADED', { what: 'The state store', isFull: true });
}
