/**
 * An open store: mutations that arrive in one turn of the event loop are one transaction, answered after its COMMIT; queries answer at once. Made by
 * `openStore`, owned by one process, closed by whoever opened it.
 */
import type { DatabaseSync } from 'node:sqlite';
import { bounds } from '../../core/bounds.ts';
import { TuttiError } from '../../core/errors.ts';
import type { Clock, Timer } from '../../core/ports.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { Acknowledged } from './acknowledged.ts';
import type { Area, LateRequest, MutateRequest, Query, QueryRequest, StoreReader, Watcher } from './area.ts';
import type { Checkpoints } from './checkpoints.ts';
import { CommitLine } from './commit-line.ts';
import type { WaitingMutation } from './commit-line.ts';
import type { CopySource } from './copy-store.ts';
import type { GroupCommit } from './group-commit.ts';
import { askedText, hashOf, refuseUnfit } from './operations.ts';
import { StoreCopies } from './store-copies.ts';
import { storeError } from './store-error.ts';
import type { RedoLog } from './redo-log.ts';
import type { StoreReport } from './verify-store.ts';
import type { Transaction } from './transaction.ts';
import { watched } from './watched.ts';

interface StoreNeeds {
  readonly file: string;
  readonly areas: readonly Area[];
  readonly clock: Clock;
  readonly log: Logger;
  readonly now: () => number;
  readonly database: DatabaseSync;
  /** Sees what is committed. */
  readonly reader: StoreReader;
  readonly copier: CopySource;
  readonly commit: GroupCommit;
  readonly transaction: Transaction;
  readonly acknowledged: Acknowledged;
  readonly redo: RedoLog | undefined;
  readonly checkpoints: Checkpoints;
  readonly release: () => void;
}

export interface StoreStats {
  /** Operations that are remembered. */
  readonly operations: number;
  /** Those that were forgotten before their time, since it was opened. */
  readonly forgottenEarly: number;
  /** Calls that were answered from those that are remembered, since it was opened. */
  readonly repeated: number;
  /** What is not in the main file yet. */
  readonly logBytes: number;
  /** Since it was opened, as the next two. */
  readonly commits: number;
  readonly mutations: number;
  readonly mutationsPerCommit: number;
  /** Mutations that wait for their commit. */
  readonly waiting: number;
}

type AreaMutation = Pick<WaitingMutation, 'area' | 'run'>;

export class Store implements AsyncDisposable {
  readonly #needs: StoreNeeds;
  readonly #line = new CommitLine();
  readonly #mutations: ReadonlyMap<string, AreaMutation>;
  readonly #queries: ReadonlyMap<string, Query>;
  readonly #copies: StoreCopies;
  #timer: Timer | undefined;
  #syncTimer: Timer | undefined;
  #isDue = false;
  /** A commit that is being kept elsewhere. */
  #keeping: Promise<void> | undefined;
  #wantsTidying = false;
  #watcher: Watcher | undefined;
  #commitsAtTick = 0;
  #failure: TuttiError | undefined;
  #closed: Promise<void> | undefined;

  constructor(needs: StoreNeeds) {
    this.#needs = needs;
    this.#mutations = byName(needs.areas, (area) =>
      Object.entries(area.mutations).map(([name, run]) => [name, { area, run }]),
    );
    this.#queries = byName(needs.areas, ({ queries }) => Object.entries(queries));
    this.#copies = new StoreCopies({
      ...needs,
      refuseWhenOver: () => {
        this.#refuseWhenOver();
      },
    });
    this.#commitsAtTick = needs.transaction.head.commits;
    this.#arm();
  }

  /**
   * Resolves when it is on disk. With an `operation` it is done once, however often it is asked for in the next ten minutes.
   * @throws {TuttiError} what the mutation throws; `OVERLOADED`, `STORE_FULL`, `STORE_READ_ONLY`: nothing was changed; `CONFLICT`: the operation was
   * another one; `STORE_UNREACHABLE`: whether it was changed is not known.
   */
  mutate(request: MutateRequest): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#refuseWhenOver();
      this.#line.add({ ...this.#prepare(request), resolve, reject });
      this.#makeDue();
    });
  }

  /** As `mutate`, of an input that is not there yet. It is asked for once, unless there is no commit. */
  mutateLate({ area, name, input: late, isPatient }: LateRequest): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#refuseWhenOver();
      const known = this.#known(area, name);
      const none = { input: undefined, bytes: 0, asked: undefined };
      this.#line.add({ ...known, ...none, late, isPatient, resolve, reject });
      this.#makeDue();
    });
  }

  /** Sees what is committed. @throws {TuttiError} `STORE_CORRUPT` naming the row, `STORE_CLOSED`, `STORE_UNREACHABLE`. */
  query({ area, name, input }: QueryRequest): unknown {
    this.#refuseWhenOver();
    const run = this.#queries.get(`${area}.${name}`);
    if (run === undefined) throw unknownAction(area, name);
    try {
      return run(this.#needs.reader, input as never, this.#needs.now());
    } catch (error) {
      throw storeError(error, this.#needs.file);
    }
  }

  /** From the next commit on; undefined: nobody does any more. Resolves when the commit that is under way is over, of which nothing may be heard. What is tidied up is not told. */
  async watch(watcher: Watcher | undefined): Promise<void> {
    this.#watcher = watcher;
    await this.#keeping;
  }

  /** The copy is whole, on disk, and as the store is when the last page is copied. @throws {TuttiError} `CONFLICT` when `to` is there. */
  backup(to: string): Promise<void> {
    return this.#copies.backup(to);
  }

  verify(): Promise<StoreReport> {
    return this.#copies.verify();
  }

  /** Of its clock, epoch milliseconds: what is due is due by it. */
  now(): number {
    return this.#needs.now();
  }

  stats(): StoreStats {
    const { commit, transaction, checkpoints, redo } = this.#needs;
    const { commits, mutations, repeated, forgottenEarly } = commit.counts;
    return {
      operations: transaction.head.operations,
      forgottenEarly,
      repeated,
      logBytes: checkpoints.logBytes + (redo?.bytes ?? 0),
      commits,
      mutations,
      mutationsPerCommit: commits === 0 ? 0 : mutations / commits,
      waiting: this.#line.length,
    };
  }

  /** What was accepted is committed first. Twice is harmless. */
  close(): Promise<void> {
    return (this.#closed ??= this.#close());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Nobody knows what became of the last commit: the file has to be opened anew. Used by the commit itself. */
  fail(error: TuttiError): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    this.#needs.log.error('The store can do nothing more: it has to be opened anew', {
      file: this.#needs.file,
      error,
    });
    this.#line.rejectAll(new TuttiError('STORE_UNREACHABLE', { reason: error.data['reason'] }));
  }

  get failure(): TuttiError | undefined {
    return this.#failure;
  }

  #refuseWhenOver(): void {
    if (this.#closed !== undefined) throw new TuttiError('STORE_CLOSED');
    if (this.#failure === undefined) return;
    throw new TuttiError('STORE_UNREACHABLE', { reason: this.#failure.data['reason'] });
  }

  #prepare(request: MutateRequest): Omit<WaitingMutation, 'resolve' | 'reject'> {
    const { area, name, input, operation } = request;
    const known = this.#known(area, name);
    if (operation !== undefined) refuseUnfit(operation);
    const text = askedText(request);
    const asked = operation && { operation, hash: hashOf(text) };
    return { ...known, input, bytes: Buffer.byteLength(text), asked };
  }

  #known(area: string, name: string): AreaMutation {
    const known = this.#mutations.get(`${area}.${name}`);
    if (known === undefined) throw unknownAction(area, name);
    return known;
  }

  /** At the end of this turn of the event loop, and never later: what has arrived by then goes together. */
  #makeDue(): void {
    if (this.#isDue || this.#keeping !== undefined) return;
    this.#isDue = true;
    setImmediate(() => {
      this.#isDue = false;
      if (this.#closed === undefined && this.#failure === undefined) this.#commitOnce();
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
      if (this.#failure === undefined) transaction.sync();
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
      if (this.#failure !== undefined || this.#keeping !== undefined) return;
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

  async #close(): Promise<void> {
    const { acknowledged, redo, checkpoints, database, release } = this.#needs;
    this.#timer?.cancel();
    this.#syncTimer?.cancel();
    await this.#copies.close();
    while (this.#keeping !== undefined || (this.#line.length > 0 && this.#failure === undefined)) {
      if (this.#keeping === undefined) this.#commitOnce();
      await this.#keeping;
    }
    if (this.#failure === undefined) this.#lastCommit();
    acknowledged.close();
    redo?.close();
    checkpoints.close();
    database.close();
    release();
  }
}

function byName<T>(areas: readonly Area[], entries: (area: Area) => [string, T][]): ReadonlyMap<string, T> {
  return new Map(
    areas.flatMap((area) => entries(area).map(([name, run]): [string, T] => [`${area.name}.${name}`, run])),
  );
}

const unknownAction = (area: string, name: string): TuttiError =>
  new TuttiError('UNKNOWN_ACTION', { action: `${area}.${name} of the store` });
