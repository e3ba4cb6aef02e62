/** Makes again what the redo log holds and SQLite's file does not: after the death of the owner, and when SQLite has undone a transaction that was to stay open. */
import type { DatabaseSync } from 'node:sqlite';
import { isTuttiError } from '../../core/errors.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { Head } from './head.ts';
import { findHead, writeHead } from './head.ts';
import type { RedoLog } from './redo-log.ts';
import { Statements } from './statements.ts';
import { diskIsFull, storeError } from './store-error.ts';
import { writeAgain } from './written.ts';

/**
 * Leaves a transaction open when there is something, and gives the head of the store then.
 * @throws {TuttiError} `STORE_CORRUPT` when it does not follow what is there, or that is damaged.
 */
export function redoHeld(db: Statements, redo: RedoLog): Head | undefined {
  let head: Head | undefined;
  for (const { text } of redo.read(findHead(db)?.commits ?? 0)) {
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
  const db = new Statements(database);
  const before = findHead(db);
  if (before === undefined) return;
  redo.belongTo(before.id);
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
