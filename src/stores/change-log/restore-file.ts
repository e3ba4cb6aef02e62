/** Makes the file of a store from what is kept of it elsewhere: the newest copy, and every commit since. */
import { appendFileSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { DatabaseSync } from 'node:sqlite';
import { TuttiError } from '../../core/errors.ts';
import { createPrivateFile } from '../../os/private-file.ts';
import { removeCopy } from '../sqlite/copy-store.ts';
import { openReader, pragma } from '../sqlite/open-database.ts';
import { applyChanges } from '../sqlite/recording.ts';
import type { ChangeLog, KeptCopy } from './change-log.ts';
import { changesIn, costOf } from './checked-record.ts';

export interface Restored {
  /** Undefined: nothing is kept yet. */
  readonly copy: { readonly number: number; readonly bytes: number } | undefined;
  /** Of the commits since. */
  readonly recordBytes: number;
  /** Of the tables in it: a newer version of the code may change them. Undefined: nothing is kept yet. */
  readonly schema: number | undefined;
}

/** A new copy may take the place of the one that is being read. */
const tries = 5;

/** @throws {TuttiError} `STORE_CORRUPT` when what is kept does not fit together. */
export async function restoreFile(log: ChangeLog, file: string): Promise<Restored> {
  for (let left = tries; ; left -= 1)
    try {
      return await restoreOnce(log, file);
    } catch (error) {
      if (left === 1) throw error;
    }
}

async function restoreOnce(log: ChangeLog, file: string): Promise<Restored> {
  removeCopy(file);
  const kept = await log.copy();
  if (kept === undefined) return { copy: undefined, recordBytes: 0, schema: undefined };
  const bytes = await writeCopy(kept, file);
  const schema = schemaOf(file);
  // What went with its parent is in the records as well.
  using database = new DatabaseSync(file, { enableForeignKeyConstraints: false });
  database.exec('PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF');
  const recordBytes = await applyRecords(log, database, kept.number);
  return { copy: { number: kept.number, bytes }, recordBytes, schema };
}

/** A number that SQLite changes with every table. */
export function schemaOf(file: string): number {
  using database = openReader(file);
  return Number(pragma(database, 'schema_version'));
}

async function writeCopy({ number, checksum, parts }: KeptCopy, file: string): Promise<number> {
  createPrivateFile(file, new Uint8Array());
  let found = 0;
  let bytes = 0;
  for await (const part of parts) {
    found = crc32(part, found);
    appendFileSync(file, part);
    bytes += part.length;
  }
  if (found === checksum) return bytes;
  throw new TuttiError('STORE_CORRUPT', {
    what: `the copy up to commit ${String(number)} is kept otherwise than it was written`,
  });
}

async function applyRecords(log: ChangeLog, database: DatabaseSync, from: number): Promise<number> {
  let bytes = 0;
  let number = from;
  for (;;) {
    const records = await log.read(number);
    if (records.length === 0) return bytes;
    database.exec('BEGIN');
    for (const record of records) {
      number += 1;
      if (record.number !== number)
        throw new TuttiError('STORE_CORRUPT', { what: `commit ${String(number)} is not kept any more` });
      applyChanges(database, changesIn(record));
      bytes += costOf(record.bytes);
    }
    database.exec('COMMIT');
    refuseOther(database, number);
  }
}

function refuseOther(database: DatabaseSync, number: number): void {
  const commits = Number(database.prepare('SELECT commits FROM store_head').get()?.['commits']);
  if (commits === number) return;
  throw new TuttiError('STORE_CORRUPT', {
    what: `what is kept up to commit ${String(number)} gives commit ${String(commits)}`,
  });
}
