/**
 * Makes one transaction of many mutations, of which one that throws undoes itself only; answers are given out after COMMIT has returned. Knows
 * what a failed COMMIT means: that nothing was kept, or that nobody can tell before the file is opened anew. Where the truth is not this disk, what the
 * transaction changed is kept there first, and it stays open meanwhile: so the file never knows more than what is kept.
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { bounds } from '../../core/bounds.ts';
import { TuttiError, isTuttiError } from '../../core/errors.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { Acknowledged } from './acknowledged.ts';
import type { Area } from './area.ts';
import type { CommitKeeper } from './commit-keeper.ts';
import type { WaitingMutation } from './commit-line.ts';
import type { Head } from './head.ts';
import { writeHead } from './head.ts';
import type { OperationTotals, Outcome } from './operations.ts';
import { firstExpiry, forgetExcess, forgetExpired } from './operations.ts';
import { MutationRun } from './mutation-run.ts';
import type { Turn } from './mutation-run.ts';
import { Recording } from './recording.ts';
import type { Statements } from './statements.ts';
import { storeError } from './store-error.ts';

interface GroupCommitNeeds {
  readonly file: string;
  readonly database: DatabaseSync;
  readonly db: Statements;
  readonly areas: readonly Area[];
  readonly head: Head;
  readonly acknowledged: Acknowledged;
  readonly log: Logger;
  readonly now: () => number;
  /** Undefined: a commit is kept by this disk. */
  readonly keptBy: CommitKeeper | undefined;
  /** Whether the last commit was kept nobody knows: nothing more may be done with this database. */
  readonly fail: (error: TuttiError) => void;
}

export interface CommitCounts {
  commits: number;
  mutations: number;
  repeated: number;
  forgottenEarly: number;
}

/** A transaction but for its end. */
interface Transacted {
  readonly outcomes: readonly Outcome[];
  readonly hasMore: boolean;
  readonly turn: Turn;
  readonly forgottenEarly: number;
  /** As it is to be; undefined: nothing was changed. */
  readonly head: Head | undefined;
}

/** How many more of the old operations go than new ones come: so they do not pile up, and no commit pays for many. */
const forgetMore = 16;
const none: OperationTotals = { operations: 0, operation_bytes: 0 };

const sumOf = (one: OperationTotals, other: OperationTotals): OperationTotals => ({
  operations: one.operations + other.operations,
  operation_bytes: one.operation_bytes + other.operation_bytes,
});

export class GroupCommit {
  readonly counts: CommitCounts = { commits: 0, mutations: 0, repeated: 0, forgottenEarly: 0 };
  readonly #needs: GroupCommitNeeds;
  readonly #mutations: MutationRun;
  readonly #begin: StatementSync;
  readonly #end: StatementSync;
  #head: Head;
  /** Before that no operation has had its time, and none is looked for. */
  #firstExpiry = 0;

  constructor(needs: GroupCommitNeeds) {
    this.#needs = needs;
    this.#mutations = new MutationRun(needs);
    this.#begin = needs.database.prepare('BEGIN IMMEDIATE');
    this.#end = needs.database.prepare('COMMIT');
    this.#head = needs.head;
  }

  get head(): Head {
    return this.#head;
  }

  /** Settles every one of them. Gives whether there is more to tidy; a promise, when it has to be kept elsewhere: until then nothing else is run. */
  run(mutations: readonly WaitingMutation[], isTidying: boolean): boolean | Promise<boolean> {
    const { keptBy } = this.#needs;
    try {
      using recording = keptBy && new Recording(this.#needs.database);
      const done = this.#transact(mutations, isTidying);
      if (done.head === undefined || recording === undefined) return this.#finish(mutations, done);
      return this.#keepElsewhere(mutations, done, keptBy?.keep(done.head.commits, recording.changes()));
    } catch (error) {
      return this.#giveUp(mutations, error);
    }
  }

  async #keepElsewhere(
    mutations: readonly WaitingMutation[],
    done: Transacted,
    kept: Promise<void> | undefined,
  ): Promise<boolean> {
    try {
      await kept;
      return this.#finish(mutations, done);
    } catch (error) {
      return this.#giveUp(mutations, error);
    }
  }

  /** Undoes what was not kept. @throws {TuttiError} as `#commit`. */
  #finish(mutations: readonly WaitingMutation[], done: Transacted): boolean {
    const { outcomes, head, turn, forgottenEarly, hasMore } = done;
    // Who only looked waits for no disk.
    if (head === undefined) this.#needs.database.exec('ROLLBACK');
    else this.#keep(head);
    this.counts.mutations += mutations.length;
    this.counts.repeated += turn.repeated;
    this.counts.forgottenEarly += forgottenEarly;
    settle(mutations, outcomes);
    return hasMore;
  }

  #giveUp(mutations: readonly WaitingMutation[], cause: unknown): false {
    this.#rollBack();
    const error = storeError(cause, this.#needs.file);
    settle(
      mutations,
      mutations.map(() => ({ error })),
    );
    return false;
  }

  /** Everything but its end. @throws when nothing of it can be kept. */
  #transact(mutations: readonly WaitingMutation[], isTidying: boolean): Transacted {
    const { database, db } = this.#needs;
    this.#begin.run();
    // What SQLite had counted of changed rows before.
    let before = this.#changes();
    let turn = this.#newTurn();
    let outcomes = this.#mutations.together(mutations, turn);
    if (outcomes === undefined) {
      db.discard();
      database.exec('ROLLBACK; BEGIN IMMEDIATE');
      before = this.#changes();
      turn = this.#newTurn();
      outcomes = this.#mutations.apart(mutations, turn);
    }
    const sweptAll = !isTidying || this.#sweep(turn);
    const { expired, excess } = this.#forget(turn, isTidying);
    const forgotten = sumOf(expired, excess);
    const hasMore = !sweptAll || (isTidying && forgotten.operations >= bounds.storeTidyRows);
    const done = { outcomes, hasMore, turn, forgottenEarly: excess.operations };
    if (this.#changes() === before) return { ...done, head: undefined };
    const commits = this.#head.commits + 1;
    const head = { ...this.#head, commits, time: turn.now, ...this.#totals(turn, forgotten) };
    writeHead(db, head);
    return { ...done, head };
  }

  #newTurn(): Turn {
    return { now: this.#needs.now(), remembered: 0, bytes: 0, repeated: 0 };
  }

  #changes(): number {
    return Number(this.#needs.db.get('SELECT total_changes() AS count')?.['count']);
  }

  /** Whether all of it is done. An area that cannot be swept, since a row of it is damaged, holds up nobody. */
  #sweep(turn: Turn): boolean {
    const { areas, db, log } = this.#needs;
    let isDone = true;
    for (const { name, sweep } of areas) {
      if (sweep === undefined) continue;
      db.run('SAVEPOINT mutation');
      try {
        if (sweep(db, turn.now, bounds.storeTidyRows) >= bounds.storeTidyRows) isDone = false;
      } catch (error) {
        if (!this.#needs.database.isTransaction) throw error;
        db.run('ROLLBACK TO mutation');
        log.error('What has expired cannot be removed', { area: name, error });
      }
      db.run('RELEASE mutation');
    }
    return isDone;
  }

  #forget(turn: Turn, isTidying: boolean): Record<'expired' | 'excess', OperationTotals> {
    const { db } = this.#needs;
    const mostRows = Math.max(isTidying ? bounds.storeTidyRows : 0, 2 * turn.remembered + forgetMore);
    const isLooking = (isTidying || turn.remembered > 0) && turn.now >= this.#firstExpiry;
    const expired = isLooking ? forgetExpired(db, turn.now, mostRows) : none;
    if (isLooking) this.#firstExpiry = Math.min(firstExpiry(db), turn.now + bounds.storeOperationMs);
    return { expired, excess: forgetExcess(db, this.#totals(turn, expired), mostRows) };
  }

  #totals(turn: Turn, forgotten: OperationTotals): OperationTotals {
    return {
      operations: this.#head.operations + turn.remembered - forgotten.operations,
      operation_bytes: this.#head.operation_bytes + turn.bytes - forgotten.operation_bytes,
    };
  }

  #keep(head: Head): void {
    this.#commit();
    this.#head = head;
    this.counts.commits += 1;
    this.#needs.acknowledged.write(head.commits);
  }

  /**
   * A full disk wrote no end of the transaction, so it is not there. After any other failure it may be, or may come to be there when the file
   * is opened again; after a failed sync the system may take for written what is not.
   */
  #commit(): void {
    try {
      this.#end.run();
    } catch (error) {
      const known = storeError(error, this.#needs.file);
      if (isTuttiError(known, 'STORE_FULL') || isTuttiError(known, 'STORE_READ_ONLY')) throw known;
      const reason = 'a commit failed, and what became of it shows when the store is opened again';
      const failure = new TuttiError('STORE_UNREACHABLE', { reason, executed: 'unknown' }, { cause: error });
      this.#needs.fail(failure);
      throw failure;
    }
  }

  #rollBack(): void {
    this.#needs.db.discard();
    try {
      if (this.#needs.database.isTransaction) this.#needs.database.exec('ROLLBACK');
    } catch (cause) {
      const reason = 'a transaction can be neither kept nor undone';
      this.#needs.fail(new TuttiError('STORE_UNREACHABLE', { reason }, { cause }));
    }
  }
}

function settle(mutations: readonly WaitingMutation[], outcomes: readonly Outcome[]): void {
  for (const [index, outcome] of outcomes.entries())
    if ('error' in outcome) mutations[index]?.reject(outcome.error);
    else mutations[index]?.resolve(outcome.value);
}
