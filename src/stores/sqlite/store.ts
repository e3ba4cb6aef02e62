/**
 * An open store: what it can be asked for, and what it is then. Mutations are answered after their COMMIT, for whose time `CommitRhythm` sees; queries at once.
 * Made by `openStore`, owned by one process, closed by whoever opened it.
 */
import type { DatabaseSync } from 'node:sqlite';
import { TuttiError } from '../../core/errors.ts';
import type { Clock } from '../../core/ports.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { Acknowledged } from './acknowledged.ts';
import type { Area, LateRequest, MutateRequest, Query, QueryRequest, StoreReader, Watcher } from './area.ts';
import type { Checkpoints } from './checkpoints.ts';
import type { WaitingMutation } from './commit-line.ts';
import { CommitRhythm } from './commit-rhythm.ts';
import type { CopySource } from './copy-store.ts';
import type { GroupCommit } from './group-commit.ts';
import { askedText, hashOf, refuseUnfit } from './operations.ts';
import { StoreCopies } from './store-copies.ts';
import { storeError } from './store-error.ts';
import type { RedoLog } from './redo-log.ts';
import type { StoreReport } from './verify-store.ts';
import type { Transaction } from './transaction.ts';

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
  readonly #mutations: ReadonlyMap<string, AreaMutation>;
  readonly #queries: ReadonlyMap<string, Query>;
  readonly #rhythm: CommitRhythm;
  readonly #copies: StoreCopies;
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
    this.#rhythm = new CommitRhythm({ ...needs, hasFailed: () => this.#failure !== undefined });
  }

  /**
   * Resolves when it is on disk. With an `operation` it is done once, however often it is asked for in the next ten minutes.
   * @throws {TuttiError} what the mutation throws; `OVERLOADED`, `STORE_FULL`, `STORE_READ_ONLY`: nothing was changed; `CONFLICT`: the operation was
   * another one; `STORE_UNREACHABLE`: whether it was changed is not known.
   */
  mutate(request: MutateRequest): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#refuseWhenOver();
      this.#rhythm.add({ ...this.#prepare(request), resolve, reject });
    });
  }

  /** As `mutate`, of an input that is not there yet. It is asked for once, unless there is no commit. */
  mutateLate({ area, name, input: late, isPatient }: LateRequest): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#refuseWhenOver();
      const known = this.#known(area, name);
      const none = { input: undefined, bytes: 0, asked: undefined };
      this.#rhythm.add({ ...known, ...none, late, isPatient, resolve, reject });
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
  watch(watcher: Watcher | undefined): Promise<void> {
    return this.#rhythm.watch(watcher);
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
      waiting: this.#rhythm.waiting,
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
    this.#rhythm.rejectAll(new TuttiError('STORE_UNREACHABLE', { reason: error.data['reason'] }));
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

  async #close(): Promise<void> {
    const { acknowledged, redo, checkpoints, database, release } = this.#needs;
    this.#rhythm.stop();
    await this.#copies.close();
    await this.#rhythm.finish();
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
