/**
 * SQLite's transaction: for one commit of ours, or, with a redo log, for as many small ones as that holds until SQLite has them together. Knows what a failed
 * COMMIT means: that nothing was kept, or that nobody can tell before the file is opened anew.
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { bounds } from '../../core/bounds.ts';
import { TuttiError, isTuttiError } from '../../core/errors.ts';
import type { Head } from './head.ts';
import { writeHead } from './head.ts';
import { redoHeld } from './redo-held.ts';
import type { RedoLog } from './redo-log.ts';
import type { Statements } from './statements.ts';
import { storeError } from './store-error.ts';
import { Written } from './written.ts';

interface TransactionNeeds {
  readonly file: string;
  readonly database: DatabaseSync;
  readonly db: Statements;
  readonly head: Head;
  /** Where a small commit is kept until SQLite has it; undefined: SQLite has each at once. */
  readonly redo: RedoLog | undefined;
  /** Whether the last commit was kept nobody knows: nothing more may be done with this database. */
  readonly fail: (error: TuttiError) => void;
}

export class Transaction {
  /** While a copy is made nothing is held: SQLite copies nothing of a store whose transaction is open. */
  mayHold = true;
  readonly #needs: TransactionNeeds;
  readonly #begin: StatementSync;
  readonly #end: StatementSync;
  #head: Head;
  #writtenHead: Head | undefined;
  #number = 0;

  constructor(needs: TransactionNeeds) {
    this.#needs = needs;
    this.#begin = needs.database.prepare('BEGIN IMMEDIATE');
    this.#end = needs.database.prepare('COMMIT');
    this.#head = needs.head;
  }

  /** As it was at the last commit that was kept. */
  get head(): Head {
    return this.#head;
  }

  /** Whether there are commits that SQLite has not: it is open for them. */
  get isHolding(): boolean {
    return this.#needs.redo?.isHolding === true;
  }

  /** Whether a power cut would undo something. */
  get isUnsynced(): boolean {
    return this.#needs.redo?.isUnsynced === true;
  }

  /** Another one when it has ended: what was read in it may have been undone. */
  get number(): number {
    return this.#number;
  }

  /** Open from here on, if it was not. @param mayBeHeld whether what is written in it now may be. */
  begin(mayBeHeld: boolean): void {
    const { database, db, redo } = this.#needs;
    if (!database.isTransaction) this.#begin.run();
    const isNoted = redo !== undefined && mayBeHeld && this.mayHold;
    db.written = isNoted ? new Written(bounds.storeRedoRecordBytes / 3) : undefined;
  }

  /** With the last of those that SQLite commits together; before, when what it changes is recorded. */
  writeHead(head: Head): void {
    if (head !== this.#writtenHead) writeHead(this.#needs.db, head);
    this.#writtenHead = head;
  }

  /**
   * What was written since the last time. Gives whether it is on disk: the system may still have it in its memory when it is not urgent.
   * @throws {TuttiError} as `#commit`.
   */
  keep(head: Head, isUrgent: boolean): boolean {
    const written = this.#needs.db.written?.toText(head);
    const isHeld = written !== undefined && this.#append(head.commits, written, isUrgent);
    if (!isHeld) this.#commit(head);
    this.#head = head;
    return isUrgent || !isHeld;
  }

  /** A power cut undoes nothing of it from now on, unless the disk is full: then it waits for the next commit. That it failed is told to `fail`. */
  sync(): void {
    try {
      this.#needs.redo?.sync();
    } catch (error) {
      this.#unknown(error);
    }
  }

  /** What is held becomes SQLite's. @throws {TuttiError} as `#commit`: it is held as before. */
  commitHeld(): void {
    if (!this.isHolding) return;
    try {
      this.#commit(this.#head);
    } catch (error) {
      this.undo();
      throw storeError(error, this.#needs.file);
    }
  }

  /** All that was not kept; what is held is made again. @throws {TuttiError} `STORE_UNREACHABLE`: nothing more may be done with this database. */
  undo(): void {
    const { db, database, redo } = this.#needs;
    db.discard();
    db.written = undefined;
    this.#ended();
    try {
      if (database.isTransaction) database.exec('ROLLBACK');
      if (redo?.isHolding === true) this.#holdAgain(redo);
    } catch (cause) {
      const reason = 'a transaction can be neither kept nor undone';
      const failure = new TuttiError('STORE_UNREACHABLE', { reason }, { cause });
      this.#needs.fail(failure);
      throw failure;
    }
  }

  #holdAgain(redo: RedoLog): void {
    const head = redoHeld(this.#needs.db, redo);
    if (head?.commits !== this.#head.commits) throw new TuttiError('STORE_CORRUPT', { what: 'the redo log' });
  }

  /** False: it has no room. @throws {TuttiError} `STORE_UNREACHABLE`: whether it is kept is not known. */
  #append(number: number, written: string, isUrgent: boolean): boolean {
    try {
      return this.#needs.redo?.append(number, written, isUrgent) === true;
    } catch (error) {
      throw this.#unknown(error);
    }
  }

  /**
   * A full disk wrote no end of the transaction, so it is not there. After any other failure it may be, or may come to be there when the file
   * is opened again; after a failed sync the system may take for written what is not.
   */
  #commit(head: Head): void {
    try {
      this.writeHead(head);
      this.#end.run();
      this.#ended();
      this.#needs.redo?.restart();
    } catch (error) {
      const known = storeError(error, this.#needs.file);
      if (isTuttiError(known, 'STORE_FULL') || isTuttiError(known, 'STORE_READ_ONLY')) throw known;
      throw this.#unknown(error);
    }
  }

  #ended(): void {
    this.#number += 1;
    this.#writtenHead = undefined;
  }

  #unknown(cause: unknown): TuttiError {
    const reason = 'a commit failed, and what became of it shows when the store is opened again';
    const failure = new TuttiError('STORE_UNREACHABLE', { reason, executed: 'unknown' }, { cause });
    this.#needs.fail(failure);
    return failure;
  }
}
