/**
 * Brings what was committed from the log to the main file. SQLite does so itself when the log is long; here it is done at opening, when
 * the store is idle, at closing, and when the log has outgrown its limit. A log that does not shrink stops the mutations, never the reads.
 */
import { statSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';
import { bounds } from '../../core/bounds.ts';
import { isTuttiError } from '../../core/errors.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { storeError } from './store-error.ts';

interface CheckpointsNeeds {
  readonly file: string;
  readonly database: DatabaseSync;
  readonly log: Logger;
}

export class Checkpoints {
  readonly #needs: CheckpointsNeeds;

  constructor(needs: CheckpointsNeeds) {
    this.#needs = needs;
  }

  get logBytes(): number {
    return statSync(`${this.#needs.file}-wal`, { throwIfNoEntry: false })?.size ?? 0;
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
      this.#needs.log.warn('The disk of the store is full: it can be read', { file: this.#needs.file });
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
    if (this.logBytes > bounds.storeLogLimitBytes) this.#truncate();
  }

  #truncate(): void {
    this.#needs.database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  }
}
