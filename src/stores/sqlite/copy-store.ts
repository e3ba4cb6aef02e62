/** Copies an open store to a new file, some pages at a time, so that its owner goes on answering: for backups, and for checks that take their time. */
import { closeSync, constants, fsyncSync, linkSync, openSync, rmSync } from 'node:fs';
import { setImmediate as afterThisTurn } from 'node:timers/promises';
import { backup } from 'node:sqlite';
import type { DatabaseSync } from 'node:sqlite';
import { bounds } from '../../core/bounds.ts';
import { TuttiError } from '../../core/errors.ts';
import { createPrivateFile } from '../../os/private-file.ts';
import { syncFolder } from './open-database.ts';
import { storeError } from './store-error.ts';

/** Where a copy is read from; closed when it is made. */
export type CopySource = () => { readonly database: DatabaseSync } & Disposable;

/** @param path of a file that is ours to replace; on failure it is gone. */
export async function copyStore(copier: CopySource, path: string, signal: AbortSignal): Promise<void> {
  try {
    signal.throwIfAborted();
    using source = copier();
    createPrivateFile(path, new Uint8Array());
    await copyPages(source.database, path, signal);
  } catch (error) {
    removeCopy(path);
    throw signal.aborted ? new TuttiError('STORE_CLOSED') : storeError(error, path);
  }
}

/**
 * SQLite copies nothing while a commit is under way, and Node asks again; not so at the first step, where it rejects with the code of no error. Steps
 * are made in a thread, so a commit of a busy store may be met by any of them.
 */
async function copyPages(source: DatabaseSync, path: string, signal: AbortSignal): Promise<void> {
  const progress = (): void => {
    signal.throwIfAborted();
  };
  for (let tries = 1; ; tries += 1)
    try {
      await backup(source, path, { rate: bounds.storeCopyPages, progress });
      return;
    } catch (error) {
      if ((error as { readonly errcode?: number }).errcode !== 0) throw error;
      const reason = 'the store is never between two commits: try again when less is asked of it';
      if (tries === bounds.storeCopyTries)
        throw new TuttiError('STORE_UNREACHABLE', { reason }, { cause: error });
      await afterThisTurn();
      signal.throwIfAborted();
    }
}

export function removeCopy(path: string): void {
  for (const end of ['', '-journal', '-wal', '-shm']) rmSync(`${path}${end}`, { force: true });
}

/**
 * A file that is there is never replaced. The copy is on disk, whole, before it has its name.
 * @throws {TuttiError} `CONFLICT` when there is such a file; `STORE_FULL`.
 */
export async function backUpStore(copier: CopySource, to: string, signal: AbortSignal): Promise<void> {
  const temporary = `${to}.${String(process.pid)}.tmp`;
  await copyStore(copier, temporary, signal);
  try {
    syncFile(temporary);
    linkSync(temporary, to);
    rmSync(temporary);
    syncFolder(to);
  } catch (error) {
    removeCopy(temporary);
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw storeError(error, to);
    throw new TuttiError(
      'CONFLICT',
      { message: `${to} is there already: name a new file` },
      { cause: error },
    );
  }
}

function syncFile(path: string): void {
  const fd = openSync(path, constants.O_RDWR | constants.O_NOFOLLOW);
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
