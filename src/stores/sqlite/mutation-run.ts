/**
 * Runs the mutations of one transaction, one after the other. First all together: a savepoint costs as much as a small mutation, and what throws has nearly always
 * written nothing yet. When one has, all of them are to be undone and run apart, where each has a savepoint and undoes itself only.
 */
import type { DatabaseSync } from 'node:sqlite';
import type { Area, AreaWriter, StoreWriter } from './area.ts';
import type { WaitingMutation } from './commit-line.ts';
import type { Outcome } from './operations.ts';
import { HighestOperations, answerText, findAnswer, keepAnswer } from './operations.ts';
import type { Statements } from './statements.ts';
import { storeError } from './store-error.ts';
import type { Transaction } from './transaction.ts';

interface MutationRunNeeds {
  readonly file: string;
  readonly database: DatabaseSync;
  readonly db: Statements;
  readonly transaction: Pick<Transaction, 'number'>;
}

/** What the mutations of one transaction have done so far. */
export interface Turn {
  readonly now: number;
  /** Answers that are kept, their bytes, and those that were asked for again. */
  remembered: number;
  bytes: number;
  repeated: number;
}

/** How the mutations of a transaction stand to each other. */
interface Way {
  writerOf(area: Area): StoreWriter;
  /** A mutation has come to its end. */
  written(): void;
  /** @throws the error when it has ended the transaction: a full disk may, and then nothing of the others is there either. */
  undo(error: unknown): void;
}

export class MutationRun {
  readonly #needs: MutationRunNeeds;
  readonly #highest: HighestOperations;
  readonly #writers = new Map<Area, AreaWriter>();
  /** In which transaction of SQLite they read what they keep in mind. */
  #transaction = 0;

  constructor(needs: MutationRunNeeds) {
    this.#needs = needs;
    this.#highest = new HighestOperations(needs.db);
  }

  /** Undefined: nothing of it may stay, and they have to be run apart. @throws what SQLite says when it has given up the whole transaction, as `apart`. */
  together(mutations: readonly WaitingMutation[], turn: Turn): readonly Outcome[] | undefined {
    const { db } = this.#needs;
    const outcomes: Outcome[] = [];
    const state = { runsBefore: 0, isTangled: false };
    const way: Way = {
      writerOf: (area) => this.#writerOf(area, turn) ?? db,
      written: nothing,
      undo: (error) => {
        this.#refuseEnded(error);
        state.isTangled ||= db.runs > state.runsBefore;
      },
    };
    this.#forgetOldWriters();
    for (const writer of this.#writers.values()) writer.begin(turn.now);
    for (const mutation of mutations) {
      state.runsBefore = db.runs;
      outcomes.push(this.#apply(mutation, turn, way));
      if (state.isTangled) return undefined;
    }
    try {
      for (const writer of this.#writers.values()) writer.finish();
      db.flush();
    } catch (error) {
      this.#refuseEnded(error);
      return undefined;
    }
    return outcomes;
  }

  #forgetOldWriters(): void {
    const { number } = this.#needs.transaction;
    if (number !== this.#transaction) this.#writers.clear();
    this.#transaction = number;
  }

  #writerOf(area: Area, { now }: Turn): AreaWriter | undefined {
    let writer = this.#writers.get(area);
    if (writer !== undefined || area.writer === undefined) return writer;
    this.#writers.set(area, (writer = area.writer(this.#needs.db)));
    writer.begin(now);
    return writer;
  }

  apart(mutations: readonly WaitingMutation[], turn: Turn): readonly Outcome[] {
    return mutations.map((mutation) => this.#alone(mutation, turn));
  }

  #alone(mutation: WaitingMutation, turn: Turn): Outcome {
    const { db, database } = this.#needs;
    let writer: AreaWriter | undefined;
    db.mark('SAVEPOINT mutation');
    try {
      return this.#apply(mutation, turn, {
        writerOf: (area) => {
          writer = area.writer?.(db);
          writer?.begin(turn.now);
          return writer ?? db;
        },
        written: () => {
          writer?.finish();
          db.flush();
        },
        undo: (error) => {
          this.#refuseEnded(error);
          db.discard();
          db.mark('ROLLBACK TO mutation');
        },
      });
    } finally {
      if (database.isTransaction) db.mark('RELEASE mutation');
    }
  }

  #apply(mutation: WaitingMutation, turn: Turn, way: Way): Outcome {
    try {
      const known = this.#known(mutation);
      if (known === undefined) return this.#perform(mutation, turn, way);
      turn.repeated += 1;
      return known;
    } catch (error) {
      way.undo(error);
      return { error: storeError(error, this.#needs.file) };
    }
  }

  #known({ asked }: WaitingMutation): Outcome | undefined {
    if (asked === undefined || !this.#highest.mayBeKnown(asked.operation)) return undefined;
    return findAnswer(this.#needs.db, asked.operation, asked.hash);
  }

  #perform(mutation: WaitingMutation, turn: Turn, way: Way): Outcome {
    const { db } = this.#needs;
    const outcome = this.#outcome(mutation, turn, way);
    const { asked } = mutation;
    const answer = asked && answerText(outcome);
    if (answer !== undefined && asked !== undefined) {
      keepAnswer(db, { ...asked, answer, now: turn.now });
      turn.remembered += 1;
      turn.bytes += Buffer.byteLength(answer);
    }
    return outcome;
  }

  #outcome({ run, area, input }: WaitingMutation, { now }: Turn, way: Way): Outcome {
    try {
      const value = run(way.writerOf(area), input as never, now);
      if (value instanceof Promise)
        throw new TypeError('A mutation is synchronous, and this one gave a promise');
      way.written();
      return { value };
    } catch (error) {
      way.undo(error);
      return { error: storeError(error, this.#needs.file) };
    }
  }

  #refuseEnded(error: unknown): void {
    if (!this.#needs.database.isTransaction) throw error;
  }
}

const nothing = (): void => undefined;
