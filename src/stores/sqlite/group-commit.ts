/**
 * Makes one commit of many mutations, of which one that throws undoes itself only; answers are given out when it is kept. Where the truth is not this disk, what
 * it changed is kept there first, and its transaction stays open meanwhile: so the file never knows more than what is kept.
 */
import type { DatabaseSync } from 'node:sqlite';
import { bounds } from '../../core/bounds.ts';
import { isTuttiError } from '../../core/errors.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { Acknowledged } from './acknowledged.ts';
import type { Area } from './area.ts';
import type { CommitKeeper } from './commit-keeper.ts';
import type { WaitingMutation } from './commit-line.ts';
import type { Head } from './head.ts';
import type { OperationTotals, Outcome } from './operations.ts';
import { firstExpiry, forgetExcess, forgetExpired } from './operations.ts';
import { MutationRun } from './mutation-run.ts';
import type { Turn } from './mutation-run.ts';
import { Recording } from './recording.ts';
import type { Statements } from './statements.ts';
import { diskIsFull, storeError } from './store-error.ts';
import type { Transaction } from './transaction.ts';

interface GroupCommitNeeds {
  readonly file: string;
  readonly database: DatabaseSync;
  readonly db: Statements;
  readonly transaction: Transaction;
  readonly areas: readonly Area[];
  readonly acknowledged: Acknowledged;
  readonly log: Logger;
  readonly now: () => number;
  /** Undefined: a commit is kept by this disk. */
  readonly keptBy: CommitKeeper | undefined;
}

export interface CommitCounts {
  commits: number;
  mutations: number;
  repeated: number;
  forgottenEarly: number;
}

/** A commit but for its end. */
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
  /** Before that no operation has had its time, and none is looked for. */
  #firstExpiry = 0;

  constructor(needs: GroupCommitNeeds) {
    this.#needs = needs;
    this.#mutations = new MutationRun(needs);
  }

  /** Settles every one of them. Gives whether there is more to tidy; a promise, when it has to be kept elsewhere: until then nothing else is run. */
  run(mutations: readonly WaitingMutation[], wantsTidying: boolean): boolean | Promise<boolean> {
    const { keptBy } = this.#needs;
    try {
      const isTidying = wantsTidying && this.#mayTidy();
      using recording = keptBy && new Recording(this.#needs.database);
      const done = this.#transact(mutations, isTidying);
      if (done.head === undefined || recording === undefined) return this.#finish(mutations, done);
      this.#needs.transaction.writeHead(done.head);
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

  /** @throws {TuttiError} as `Transaction`. */
  #finish(mutations: readonly WaitingMutation[], done: Transacted): boolean {
    const { transaction } = this.#needs;
    const { outcomes, head, turn, forgottenEarly, hasMore } = done;
    // Who only looked waits for no disk.
    if (head !== undefined) this.#keep(head, mutations.some(isUrgent));
    else if (!transaction.isHolding) transaction.undo();
    this.counts.mutations += mutations.length;
    this.counts.repeated += turn.repeated;
    this.counts.forgottenEarly += forgottenEarly;
    settle(mutations, outcomes);
    return hasMore;
  }

  #giveUp(mutations: readonly WaitingMutation[], cause: unknown): false {
    let error = storeError(cause, this.#needs.file);
    try {
      this.#needs.transaction.undo();
    } catch (failure) {
      error = failure;
    }
    settle(
      mutations,
      mutations.map(() => ({ error })),
    );
    return false;
  }

  /** Everything but its end. @throws when nothing of it can be kept. */
  #transact(mutations: readonly WaitingMutation[], isTidying: boolean): Transacted {
    const { transaction, db } = this.#needs;
    transaction.begin(!isTidying);
    let before = db.changed;
    let turn = this.#newTurn();
    let outcomes = this.#mutations.together(mutations, turn);
    if (outcomes === undefined) {
      transaction.undo();
      // What is undone mutation by mutation is no list of what was written.
      transaction.begin(false);
      before = db.changed;
      turn = this.#newTurn();
      outcomes = this.#mutations.apart(mutations, turn);
    }
    const sweptAll = !isTidying || this.#sweep(turn);
    const { expired, excess } = this.#forget(turn, isTidying);
    const forgotten = sumOf(expired, excess);
    const hasMore = !sweptAll || (isTidying && forgotten.operations >= bounds.storeTidyRows);
    const done = { outcomes, hasMore, turn, forgottenEarly: excess.operations };
    if (db.changed === before) return { ...done, head: undefined };
    const { head } = transaction;
    const totals = this.#totals(turn, forgotten);
    return { ...done, head: { ...head, commits: head.commits + 1, time: turn.now, ...totals } };
  }

  /** What is held goes first; on a full disk it is held on, and what has expired stays. */
  #mayTidy(): boolean {
    try {
      this.#needs.transaction.commitHeld();
      return true;
    } catch (error) {
      if (!isTuttiError(error, 'STORE_FULL')) throw error;
      this.#needs.log.warn(diskIsFull, { file: this.#needs.file });
      return false;
    }
  }

  #newTurn(): Turn {
    return { now: this.#needs.now(), remembered: 0, bytes: 0, repeated: 0 };
  }

  /** Whether all of it is done. An area that cannot be swept, since a row of it is damaged, holds up nobody. */
  #sweep(turn: Turn): boolean {
    const { areas, db, log } = this.#needs;
    let isDone = true;
    for (const { name, sweep } of areas) {
      if (sweep === undefined) continue;
      db.mark('SAVEPOINT mutation');
      try {
        if (sweep(db, turn.now, bounds.storeTidyRows) >= bounds.storeTidyRows) isDone = false;
      } catch (error) {
        if (!this.#needs.database.isTransaction) throw error;
        db.mark('ROLLBACK TO mutation');
        log.error('What has expired cannot be removed', { area: name, error });
      }
      db.mark('RELEASE mutation');
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
    const { operations, operation_bytes } = this.#needs.transaction.head;
    return {
      operations: operations + turn.remembered - forgotten.operations,
      operation_bytes: operation_bytes + turn.bytes - forgotten.operation_bytes,
    };
  }

  #keep(head: Head, hasUrgent: boolean): void {
    const isOnDisk = this.#needs.transaction.keep(head, hasUrgent);
    this.counts.commits += 1;
    // What the power may take must not be missed.
    if (isOnDisk) this.#needs.acknowledged.write(head.commits);
  }
}

const isUrgent = ({ isPatient }: WaitingMutation): boolean => isPatient !== true;

function settle(mutations: readonly WaitingMutation[], outcomes: readonly Outcome[]): void {
  for (const [index, outcome] of outcomes.entries())
    if ('error' in outcome) mutations[index]?.reject(outcome.error);
    else mutations[index]?.resolve(outcome.value);
}
