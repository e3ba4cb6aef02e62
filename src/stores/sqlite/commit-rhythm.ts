/**
 * When a store commits: what has come in one turn of the event loop together at its end, one commit at a time; when its log is synced,
 * and when it is tidied. Used by the store, which owns it.
 */
import { bounds } from '../../core/bounds.ts';
import type { TuttiError } from '../../core/errors.ts';
import type { Clock, Timer } from '../../core/ports.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { Acknowledged } from './acknowledged.ts';
import type { Watcher } from './area.ts';
import type { Checkpoints } from './checkpoints.ts';
import { CommitLine } from './commit-line.ts';
import type { WaitingMutation } from './commit-line.ts';
import type { GroupCommit } from './group-commit.ts';
import type { RedoLog } from './redo-log.ts';
import { storeError } from './store-error.ts';
import type { Transaction } from './transaction.ts';
import { watched } from './watched.ts';

interface CommitRhythmNeeds {
  readonly file: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly commit: GroupCommit;
  readonly transaction: Transaction;
  readonly acknowledged: Acknowledged;
  readonly redo: RedoLog | undefined;
  readonly checkpoints: Checkpoints;
  /** Nobody knows what became of the last commit: there is no other. */
  readonly hasFailed: () => boolean;
}

export class CommitRhythm {
  readonly #needs: CommitRhythmNeeds;
  readonly #line = new CommitLine();
  #timer: Timer | undefined;
  #syncTimer: Timer | undefined;
  #isDue = false;
  #isStopped = false;
  /** A commit that is being kept elsewhere. */
  #keeping: Promise<void> | undefined;
  #wantsTidying = false;
  #watcher: Watcher | undefined;
  #commitsAtTick: number;

  constructor(needs: CommitRhythmNeeds) {
    this.#needs = needs;
    this.#commitsAtTick = needs.transaction.head.commits;
    this.#arm();
  }

  /** Mutations that wait for their commit. */
  get waiting(): number {
    return this.#line.length;
  }

  /** @throws {TuttiError} `OVERLOADED` */
  add(mutation: WaitingMutation): void {
    this.#line.add(mutation);
    this.#makeDue();
  }

  rejectAll(error: TuttiError): void {
    this.#line.rejectAll(error);
  }

  /** Resolves when the commit that is under way is over. */
  async watch(watcher: Watcher | undefined): Promise<void> {
    this.#watcher = watcher;
    await this.#keeping;
  }

  /** No commit begins by itself any more. */
  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
  }

  /** Commits what was accepted. */
  async finish(): Promise<void> {
    while (this.#keeping !== undefined || (this.#line.length > 0 && !this.#needs.hasFailed())) {
      if (this.#keeping === undefined) this.#commitOnce();
      await this.#keeping;
    }
    this.#syncTimer?.cancel();
    if (!this.#needs.hasFailed()) this.#lastCommit();
  }

  /** At the end of this turn of the event loop, and never later: what has arrived by then goes together. */
  #makeDue(): void {
    if (this.#isDue || this.#keeping !== undefined) return;
    this.#isDue = true;
    setImmediate(() => {
      this.#isDue = false;
      if (!this.#isStopped && !this.#needs.hasFailed()) this.#commitOnce();
    });
  }

  #commitOnce(): void {
    const { commit, transaction, checkpoints, file } = this.#needs;
    const batch = this.#batch();
    try {
      if (!transaction.isHolding) checkpoints.bound();
      const done = commit.run(batch, this.#wantsTidying);
      if (typeof done === 'boolean') this.#wantsTidying = done;
      else this.#keeping = this.#untilKept(done);
    } catch (error) {
      // The log is as long as it may be.
      for (const { reject } of batch) reject(storeError(error, file));
    }
    this.#syncSoon();
    this.#goOn();
  }

  /** What the system has only in its memory. */
  #syncSoon(): void {
    const { clock, transaction } = this.#needs;
    if (!transaction.isUnsynced) return;
    this.#syncTimer ??= clock.after(bounds.storePatienceMs, () => {
      this.#syncTimer = undefined;
      if (!this.#needs.hasFailed()) transaction.sync();
    });
  }

  #batch(): WaitingMutation[] {
    const batch = this.#line
      .take()
      .map((mutation) => (mutation.late === undefined ? mutation : { ...mutation, input: mutation.late() }));
    const watcher = this.#watcher;
    return watcher === undefined ? batch : batch.map((mutation) => watched(mutation, watcher));
  }

  async #untilKept(done: Promise<boolean>): Promise<void> {
    this.#wantsTidying = await done;
    this.#keeping = undefined;
    this.#goOn();
  }

  #goOn(): void {
    if (this.#line.length > 0 || this.#wantsTidying) this.#makeDue();
  }

  #arm(): void {
    this.#timer = this.#needs.clock.after(bounds.storeTidyMs, () => {
      this.#arm();
      if (this.#needs.hasFailed() || this.#keeping !== undefined) return;
      const { transaction, checkpoints } = this.#needs;
      const { commits } = transaction.head;
      const isIdle = commits === this.#commitsAtTick && !transaction.isHolding;
      if (isIdle && checkpoints.logBytes > 0) this.#rest();
      this.#commitsAtTick = commits;
      this.#wantsTidying = true;
      this.#makeDue();
    });
  }

  /** Nothing has come for a while. */
  #rest(): void {
    this.#needs.checkpoints.whenThereIsTime();
    this.#needs.acknowledged.sync();
  }

  /** What cannot be brought to SQLite's file stays in the log beside it. */
  #lastCommit(): void {
    const { transaction, redo, log, file } = this.#needs;
    try {
      transaction.commitHeld();
      redo?.clear();
      this.#rest();
    } catch (error) {
      log.warn('The last commits of the store are in its redo log until it is opened again', { file, error });
    }
  }
}
