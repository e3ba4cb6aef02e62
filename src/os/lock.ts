/**
 * One keeper per directory, one owner per store: an exclusive SQLite transaction held open on a file that is there for nothing else.
 * The kernel ends it with its holder, so there is no stale pid file to judge. (POSIX record locks: closing any other
 * descriptor of that file in this process would let go of it, so nobody else opens it.)
 */
import { resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { TuttiError } from '../core/errors.ts';
import { ensurePrivateFile } from './private-file.ts';

export interface Lock {
  /** Twice is harmless. */
  release(): void;
}

/**
 * By path: who asks for what this process holds must not even open it. A database that nobody refers to is closed by the garbage
 * collector, and its lock with it.
 */
const held = new Map<string, DatabaseSync>();

const sqliteBusy = 5;
/** Two who ask at the same instant can both find it busy; SQLite lets one through when they ask again. */
const patienceMs = 250;

/**
 * Undefined: somebody else holds it.
 * @throws {TuttiError} `CONFIG_INVALID` when the file is not one that we could have made.
 */
export function acquireLock(directory: string, name = 'lock.db'): Lock | undefined {
  const path = resolve(directory, name);
  if (held.has(path)) return undefined;
  let database: DatabaseSync | undefined;
  try {
    ensurePrivateFile(path);
    database = new DatabaseSync(path, { timeout: patienceMs });
    database.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    database?.close();
    if ((error as { errcode?: number }).errcode === sqliteBusy) return undefined;
    const message = `The lock ${path} cannot be used: remove it if no app runs there`;
    throw new TuttiError('CONFIG_INVALID', { message }, { cause: error });
  }
  const holder = database;
  held.set(path, holder);
  return {
    release: () => {
      if (held.get(path) !== holder) return;
      held.delete(path);
      holder.close();
    },
  };
}
