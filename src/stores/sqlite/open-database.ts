/**
 * Opens a store's file with the settings that its promises stand on, and reads them back: some builds of SQLite forget `synchronous=FULL` at the second
 * opening. Refuses a file that is not a store, and one whose settings do not hold.
 */
import { accessSync, closeSync, constants, existsSync, fsyncSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { bounds } from '../../core/bounds.ts';
import { TuttiError } from '../../core/errors.ts';
import { ensurePrivateFile } from '../../os/private-file.ts';
import { storeError } from './store-error.ts';

/**
 * `NORMAL` loses what was answered when the power goes; it is there to show that the test of that can fail. `COPY`: what counts is kept elsewhere, this file
 * is made anew at each start; it syncs nothing, and is read by several connections of its process.
 */
export type Durability = 'FULL' | 'NORMAL' | 'COPY';

const settings = {
  COPY: { level: 'OFF', number: 0, locking: 'normal' },
  NORMAL: { level: 'NORMAL', number: 1, locking: 'exclusive' },
  FULL: { level: 'FULL', number: 2, locking: 'exclusive' },
} as const;
const pageBytes = 4_096;
/** Below zero: SQLite takes it for KiB, not pages. */
const cacheKiB = String(-bounds.storeCacheBytes / 1_024);
const logPages = bounds.storeLogBytes / pageBytes;
/** "Tuti": in the head of the file, so that no other file is taken for a store. */
const applicationId = 0x54757469;

/** @throws {TuttiError} `CONFIG_INVALID` without the folder, `STORE_READ_ONLY` when the folder or the file may not be written. */
export function refuseUnusable(file: string): void {
  const folder = dirname(file);
  if (!existsSync(folder)) throw invalid(`The folder ${folder} of the store is not there`, 'make it');
  try {
    accessSync(folder, constants.W_OK);
    if (existsSync(file)) accessSync(file, constants.W_OK);
  } catch (error) {
    throw storeError(error, file);
  }
}

export function openDatabase(file: string, durability: Durability): DatabaseSync {
  try {
    ensurePrivateFile(file);
  } catch (error) {
    const known = storeError(error, file);
    if (known !== error) throw known;
    throw invalid(`${file} is not a file that a store could have made`, 'move it away', error);
  }
  const database = new DatabaseSync(file, { timeout: 0, enableForeignKeyConstraints: true });
  try {
    // Before the first look into the file: so it needs no shared memory beside it, which a full disk cannot give.
    database.exec(`PRAGMA locking_mode=${settings[durability].locking}`);
    const isNew = refuseForeign(database, file);
    settle(database, durability);
    if (isNew) database.exec(`PRAGMA application_id=${String(applicationId)}`);
    return database;
  } catch (error) {
    database.close();
    throw storeError(error, file);
  }
}

/** One more connection, of the process that owns it: it sees what is committed. */
export const openReader = (file: string): DatabaseSync => new DatabaseSync(file, { readOnly: true });

export function pragma(database: DatabaseSync, text: string): unknown {
  return Object.values(database.prepare(`PRAGMA ${text}`).get() ?? {})[0];
}

function settle(database: DatabaseSync, durability: Durability): void {
  const { level, number, locking } = settings[durability];
  const want = (text: string, wanted: unknown): void => {
    const found = pragma(database, text);
    if (found === wanted) return;
    const message = `SQLite answers ${String(found)} to "${text}", not ${String(wanted)}: on these settings nothing would be durable`;
    throw new TuttiError('CONFIG_INVALID', { message });
  };
  want(`locking_mode=${locking}`, locking);
  want('journal_mode=WAL', 'wal');
  // What undoes one mutation of a commit is no longer than that, and would be a file of its own.
  database.exec(
    `PRAGMA synchronous=${level}; PRAGMA foreign_keys=ON; PRAGMA cell_size_check=ON; PRAGMA temp_store=MEMORY; PRAGMA cache_size=${cacheKiB}`,
  );
  want('synchronous', number);
  want('foreign_keys', 1);
  want(`wal_autocheckpoint=${String(logPages)}`, logPages);
  want(`journal_size_limit=${String(bounds.storeLogBytes)}`, bounds.storeLogBytes);
}

/** An empty file becomes a store, and is told by true; a database of somebody else does not, and is not changed. */
function refuseForeign(database: DatabaseSync, file: string): boolean {
  const found = pragma(database, 'application_id');
  const isEmpty = found === 0 && pragma(database, 'schema_version') === 0;
  if (found !== applicationId && !isEmpty)
    throw invalid(`${file} is a database, but no store`, 'name another file');
  return isEmpty;
}

/** A file is on disk when its folder is. */
export function syncFolder(file: string): void {
  const fd = openSync(dirname(file), constants.O_RDONLY);
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

const invalid = (problem: string, fix: string, cause?: unknown): TuttiError =>
  new TuttiError('CONFIG_INVALID', { message: `${problem}: ${fix}` }, { cause });
