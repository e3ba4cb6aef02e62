/**
 * One keeper per directory: an exclusive SQLite transaction held open on `lock.db`. The kernel ends it with its holder,
 * so there is no stale pid file to judge. Used by the keeper alone. (POSIX record locks: closing any other
 * descriptor of that file in this process would let go of it, so nobody else here opens it.)
 */
import { closeSync, constants, fstatSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { TuttiError } from '../core/errors.ts';

interface Lock {
  /** Twice is harmless. */
  release(): void;
}

/** A database that nobody refers to is closed by the garbage collector, and its lock with it. */
const held = new Set<DatabaseSync>();

const sqliteBusy = 5;
/** Two who ask at the same instant can both find it busy; SQLite lets one through when they ask again. */
const patienceMs = 250;

/**
 * Undefined: somebody else holds it.
 * @throws {TuttiError} `CONFIG_INVALID` when the file is not one that we could have made.
 */
export function acquireLock(directory: string): Lock | undefined {
  const path = join(directory, 'lock.db');
  let database: DatabaseSync | undefined;
  try {
    makePrivateFile(path);
    database = new DatabaseSync(path, { timeout: patienceMs });
    database.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    database?.close();
    if ((error as { errcode?: number }).errcode === sqliteBusy) return undefined;
    const message = `The lock ${path} cannot be used: remove it if no app runs there`;
    throw new TuttiError('CONFIG_INVALID', { message }, { cause: error });
  }
  const holder = database;
  held.add(holder);
  return {
    release: () => {
      if (held.delete(holder)) holder.close();
    },
  };
}

/** SQLite would follow a symlink and use the umask. */
function makePrivateFile(path: string): void {
  const fd = openSync(path, constants.O_CREAT | constants.O_RDWR | constants.O_NOFOLLOW, 0o600);
  try {
    const found = fstatSync(fd);
    const isOurs = found.isFile() && found.nlink === 1 && found.uid === (process.getuid?.() ?? found.uid);
    if (!isOurs || (found.mode & 0o077) !== 0) throw new Error('wrong owner, mode or kind of file');
  } finally {
    closeSync(fd);
  }
}
