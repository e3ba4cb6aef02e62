/**
 * Brings what was committed from the log to the main file. SQLite does so itself when the log is long; here it is done at opening, when
 * the store is idle, at closing, and when the log has outgrown its limit. A log that does not shrink stops the mutations, never the reads.
 */
import { closeSync, constants, openSync, readSync, statSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';
import { bounds } from '../../core/bounds.ts';
import { isTuttiError } from '../../core/errors.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { diskIsFull, storeError } from './store-error.ts';

interface CheckpointsNeeds {
  readonly file: string;
  readonly database: DatabaseSync;
  readonly log: Logger;
}

const oneByte = new Uint8Array(1);

export class Checkpoints {
  readonly #needs: CheckpointsNeeds;
  readonly #path: string;
  /** Of the log, which SQLite keeps for as long as the store is open. */
  readonly #fd: number;

  constructor(needs: CheckpointsNeeds) {
    this.#needs = needs;
    this.#path = `${needs.file}-wal`;
    this.#fd = openSync(this.#path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NOATIME);
  }

  /** To be shown, not for each commit: see `#isTooLong`. */
  get logBytes(): number {
    return statSync(this.#path, { throwIfNoEntry: false })?.size ?? 0;
  }

  /**
   * What a killed predecessor wrote and did not sync reads like any commit, and would be answered for: it is synced before anything is answered. On a full
   * disk the main file may have to wait for it; the log is synced first.
   * @throws {TuttiError} when the disk does not take it for another reason.
   */
  atOpening(): void {
    try {
      this.#truncate();
    } catch (error) {
      const known = storeError(error, this.#needs.file);
      if (!isTuttiError(known, 'STORE_FULL')) throw known;
      this.#needs.log.warn(diskIsFull, { file: this.#needs.file });
    }
  }

  /** Never throws: what is in the log is safe there. */
  whenThereIsTime(): void {
    try {
      this.#truncate();
    } catch (error) {
      const { log, file } = this.#needs;
      log.warn('The log of the store stays as it is', { file, error: storeError(error, file) });
    }
  }

  /** @throws what the disk says when the log is too long and cannot be emptied. */
  bound(): void {
    if (this.#isTooLong()) this.#truncate();
  }

  close(): void {
    closeSync(this.#fd);
  }

  /**
   * By a read of what lies behind its limit. Who asks Linux (6.13 and later) for its size makes it note when the next write comes, and the sync of that write puts
   * it on the disk, too: a sixth of the time of a small commit.
   */
  #isTooLong(): boolean {
    return readSync(this.#fd, oneByte, 0, 1, bounds.storeLogLimitBytes) > 0;
  }

  #truncate(): void {
    this.#needs.database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  }
}
