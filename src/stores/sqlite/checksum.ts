/**
 * A checksum per row, over its key and its content: a flipped bit in the file gives a wrong row that SQLite itself does not notice. CRC-32 finds
 * every single flipped bit; it is no proof against whoever means harm. A row that a flip in an index makes unfindable is found by `verify` only.
 */
import { crc32 } from 'node:zlib';
import { isTuttiError, TuttiError } from '../../core/errors.ts';
import type { CheckedTable, StoreRow, StoreValue } from './area.ts';

/** JSON keeps values apart that run into each other side by side. */
function plain(value: StoreValue | undefined): unknown {
  if (value instanceof Uint8Array) return { bytes: value.length };
  return typeof value === 'bigint' ? { whole: String(value) } : value;
}

const none: readonly string[] = [];

const isPlain = (value: StoreValue | undefined): boolean =>
  value === null || (typeof value !== 'object' && typeof value !== 'bigint');

/** Of a row as it is to be written; it has every column of the table. Done with every row that is read or written. */
export function checksumOf(table: CheckedTable, row: StoreRow): number {
  return sumOf(table, row, table.long);
}

function sumOf(
  { name, key, content, later = none }: CheckedTable,
  row: StoreRow,
  long: string | undefined,
): number {
  const values: unknown[] = [name];
  let areAllPlain = true;
  for (const columns of [key, content])
    for (const column of columns) {
      if (column === long) continue;
      const value = row[column];
      areAllPlain &&= isPlain(value);
      values.push(value);
    }
  for (const column of later) if (row[column] !== '' && row[column] !== 0) values.push(column, row[column]);
  // As a text within JSON it would be written letter by letter.
  const text = long === undefined ? '' : String(row[long]);
  if (areAllPlain) return crc32(JSON.stringify(values) + text);
  return crc32(text, sumWithBlobs(values as (StoreValue | undefined)[]));
}

function sumWithBlobs(values: readonly (StoreValue | undefined)[]): number {
  const blobs = values.filter((value) => value instanceof Uint8Array);
  return blobs.reduce((sum, blob) => crc32(blob, sum), crc32(JSON.stringify(values.map(plain))));
}

/** Whether a row that was read is as it was written. */
export const isSound = (table: CheckedTable, row: StoreRow): boolean =>
  checksumOf(table, row) === row['checksum'] ||
  (table.long !== undefined && sumOf(table, row, undefined) === row['checksum']);

/**
 * The row as it was read, when it is as it was written.
 * @throws {TuttiError} `STORE_CORRUPT` naming table and key.
 */
export function checkedRow(table: CheckedTable, row: StoreRow): StoreRow {
  if (isSound(table, row)) return row;
  throw new TuttiError('STORE_CORRUPT', { what: placeOf(table, row) });
}

/** Undefined: what it reads is damaged. */
export function ifSound<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (isTuttiError(error, 'STORE_CORRUPT')) return undefined;
    throw error;
  }
}

const longestKey = 200;

/** `the row ["a"] of state_entries`. As JSON it holds no control characters. */
export function placeOf(table: CheckedTable, row: StoreRow): string {
  const key = JSON.stringify(table.key.map((column) => plain(row[column])));
  return `the row ${key.slice(0, longestKey)} of ${table.name}`;
}
