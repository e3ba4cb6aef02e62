/** Makes again what the redo log holds and SQLite's file does not: after the death of the owner, and when SQLite has undone a transaction that was to stay open. */
import type { DatabaseSync } from 'node:sqlite';
import { isTuttiError } from '../../core/errors.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { Head } from './head.ts';
import { writeHead } from './head.ts';
import type { RedoLog } from './redo-log.ts';
import { Statements } from './statements.ts';
import { diskIsFull, storeError } from './store-error.ts';
import { writeAgain } from './written.ts';

/**
 * Leaves a transaction open when there is something, and gives the head of the store then.
 * @throws {TuttiError} `STORE_CORRUPT` when it does not follow what is there.
 */
export function redoHeld(db: Statements, redo: RedoLog): Head | undefined {
  let head: Head | undefined;
  for (const { text } of redo.read(commitsOf(db))) {
    if (head === undefined) db.mark('BEGIN IMMEDIATE');
    head = writeAgain(text, (sql, ...values) => db.run(sql, ...values));
  }
  if (head !== undefined) writeHead(db, head);
  return head;
}

interface OpeningNeeds {
  readonly file: string;
  readonly database: DatabaseSync;
  readonly redo: RedoLog;
  readonly log: Logger;
}

/**
 * Before the tables are changed: what is held knows those of then. On a full disk it stays held, in a transaction that is open.
 * @throws {TuttiError} `STORE_CORRUPT`, as `redoHeld`.
 */
export function redoAtOpening({ file, database, redo, log }: OpeningNeeds): void {
  const id = idOf(database);
  if (id === undefined) return;
  redo.belongTo(id);
  const db = new Statements(database);
  if (redoHeld(db, redo) === undefined) return;
  try {
    db.mark('COMMIT');
    redo.restart();
  } catch (error) {
    if (!isTuttiError(storeError(error, file), 'STORE_FULL')) throw error;
    if (database.isTransaction) database.exec('ROLLBACK');
    redoHeld(db, redo);
    log.warn(diskIsFull, { file });
  }
}

const commitsOf = (db: Statements): number => Number(db.get('SELECT commits FROM store_head')?.['commits']);

/** Undefined: the file is new. */
function idOf(database: DatabaseSync): string | undefined {
  const table = database.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'store_head'").get();
  const id = table && database.prepare('SELECT id FROM store_head').get()?.['id'];
  return id === undefined ? undefined : String(id);
}
