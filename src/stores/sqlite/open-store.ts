/** Opens the one store of a file, in the process that owns it from then on. Whatever fails on the way leaves nothing open. */
import { basename, dirname } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { TuttiError, isTuttiError } from '../../core/errors.ts';
import type { Clock } from '../../core/ports.ts';
import type { Lock } from '../../os/lock.ts';
import { acquireLock } from '../../os/lock.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { Acknowledged } from './acknowledged.ts';
import type { Area } from './area.ts';
import { Checkpoints } from './checkpoints.ts';
import { removeCopy } from './copy-store.ts';
import type { CommitKeeper } from './commit-keeper.ts';
import { GroupCommit } from './group-commit.ts';
import type { Head } from './head.ts';
import { ownArea, readHead } from './head.ts';
import { migrate } from './migrate.ts';
import { openDatabase, openReader, refuseUnusable, syncFolder } from './open-database.ts';
import { redoAtOpening } from './redo-held.ts';
import { RedoLog } from './redo-log.ts';
import { Statements } from './statements.ts';
import { storeClock } from './store-clock.ts';
import { storeError } from './store-error.ts';
import { Store } from './store.ts';
import { Transaction } from './transaction.ts';
import { verifiedCopy } from './verify-store.ts';

export interface OpenStoreNeeds {
  /** Its folder is there. Beside it lie its log (`-wal`), what small commits wrote since (`.redo`), its lock (`.lock`) and the number of its last commit (`.acked`). */
  readonly file: string;
  readonly areas: readonly Area[];
  readonly clock: Clock;
  readonly log: Logger;
  /** Nothing can be done with it any more: it has to be opened anew, in another process or this one. Told once. */
  readonly onFailure?: (error: Error) => void;
  /** Not for users: see `open-database.ts`. */
  readonly durability?: 'FULL' | 'NORMAL';
  /** Where commits are kept when that is not this disk: the file is a copy of what is there, and made before it is opened. */
  readonly keptBy?: CommitKeeper;
}

/**
 * @throws {TuttiError} `ALREADY_RUNNING` when the file has an owner; `CONFIG_INVALID` when a newer Tutti has written it, it is no store or has no folder;
 * `STORE_CORRUPT` when commits that were answered are missing; `STORE_READ_ONLY`, `STORE_FULL`.
 */
export function openStore(needs: OpenStoreNeeds): Store {
  const { file } = needs;
  refuseUnusable(file);
  using parts = new DisposableStack();
  const lock = parts.adopt(lockFor(file), (held) => {
    held.release();
  });
  try {
    removeCopy(verifiedCopy(file));
    const durability = needs.keptBy === undefined ? (needs.durability ?? 'FULL') : 'COPY';
    const database = parts.use(openDatabase(file, durability));
    const store = openOn(database, { needs, lock, parts });
    parts.move();
    return store;
  } catch (error) {
    throw storeError(error, file);
  }
}

interface Opening {
  readonly needs: OpenStoreNeeds;
  readonly lock: Lock;
  readonly parts: DisposableStack;
}

function openOn(database: DatabaseSync, { needs, lock, parts }: Opening): Store {
  const { file, clock, log, keptBy } = needs;
  const areas = [ownArea, ...needs.areas];
  refuseTwice(areas);
  const redo = keptBy === undefined ? openRedo(needs, parts) : undefined;
  if (redo !== undefined) redoAtOpening({ file, database, redo, log });
  migrate(database, areas);
  const db = new Statements(database);
  const head = readHead(db);
  redo?.belongTo(head.id);
  const checkpoints = parts.adopt(new Checkpoints({ file, database, log }), (open) => {
    open.close();
  });
  const acknowledged = openAcknowledged(needs, head, parts);
  if (redo?.isHolding !== true) checkpoints.atOpening();
  acknowledged.write(head.commits);
  acknowledged.sync();
  syncFolder(file);
  const now = storeClock(clock, head.time, log);
  const fail = (error: TuttiError): void => {
    store.fail(error);
    needs.onFailure?.(error);
  };
  const transaction = new Transaction({ file, database, db, head, redo, fail });
  const parties = { file, database, transaction, acknowledged, areas, log, now };
  const commit = new GroupCommit({ ...parties, db, keptBy });
  const reading = keptBy === undefined ? undefined : parts.use(openReader(file));
  const release = (): void => {
    reading?.close();
    lock.release();
  };
  const store = new Store({
    ...parties,
    ...{ clock, commit, redo, checkpoints, release },
    // While a commit is being kept elsewhere, its own connection would see what may yet be undone.
    reader: reading === undefined ? db : new Statements(reading),
    copier: reading === undefined ? () => ({ database, [Symbol.dispose]: nothing }) : () => stillReader(file),
  });
  return store;
}

const nothing = (): void => undefined;

/** Sees the store as it is now for as long as it is open: a copy that takes its time is not begun anew by each commit. */
function stillReader(file: string): { readonly database: DatabaseSync } & Disposable {
  const database = openReader(file);
  database.exec('BEGIN; SELECT 1 FROM store_head');
  return {
    database,
    [Symbol.dispose]: () => {
      database.close();
    },
  };
}

/** Without room for it SQLite has each commit at once. */
function openRedo({ file, log, durability }: OpenStoreNeeds, parts: DisposableStack): RedoLog | undefined {
  try {
    return parts.adopt(new RedoLog(file, durability !== 'NORMAL'), (open) => {
      open.close();
    });
  } catch (error) {
    const known = storeError(error, file);
    if (!isTuttiError(known, 'STORE_FULL')) throw known;
    log.warn('There is no room for the redo log of the store: small commits are slower', { file });
    return undefined;
  }
}

function openAcknowledged({ file, log }: OpenStoreNeeds, head: Head, parts: DisposableStack): Acknowledged {
  const acknowledged = parts.adopt(new Acknowledged({ file, id: head.id, log }), (open) => {
    open.close();
  });
  acknowledged.check(head.commits);
  return acknowledged;
}

function lockFor(file: string): Lock {
  const lock = acquireLock(dirname(file), `${basename(file)}.lock`);
  if (lock !== undefined) return lock;
  const message = `The store ${file} is open in another process: a store has one owner, stop that one first`;
  throw new TuttiError('ALREADY_RUNNING', { message });
}

function refuseTwice(areas: readonly Area[]): void {
  const names = areas.map(({ name }) => name);
  if (new Set(names).size < names.length)
    throw new Error(`Two areas of a store have one name: ${names.join(', ')}`);
}
