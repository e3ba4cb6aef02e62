/**
 * What lives in a store under one name: its tables, and what may be done with them. An area is written by us, not by users; the engine
 * gives it transactions, operation ids, checks and tidying. All of it is synchronous: a mutation that waited would hold up all others.
 */

export type StoreValue = string | number | bigint | null | Uint8Array;
export type StoreRow = Readonly<Record<string, StoreValue>>;

export interface StoreReader {
  get(sql: string, ...values: StoreValue[]): StoreRow | undefined;
  all(sql: string, ...values: StoreValue[]): StoreRow[];
}

export interface StoreWriter extends StoreReader {
  /** How many rows it changed. */
  run(sql: string, ...values: StoreValue[]): number;
  /** A row with a value for each column, in their order. It is written with others, before anything else is read or written: half of what one costs is its statement. */
  insert(table: string, row: readonly StoreValue[]): void;
}

/** A table whose rows carry a checksum over `key` and `content`, in a column `checksum`; see `checksum.ts`. */
export interface CheckedTable {
  readonly name: string;
  readonly key: readonly string[];
  readonly content: readonly string[];
  /** Columns that a later migration added, with '' or 0 in the rows that were there: only what is neither counts. */
  readonly later?: readonly string[];
  /** Of its content the column of a long text, which is summed up as it is, behind all others. It was one of them at first, and rows from then are still sound. */
  readonly long?: string;
}

/** What the mutations of an area write through: it may hold back what is written once for all of a commit, and keep in mind what it has read. */
export interface AreaWriter extends StoreWriter {
  /** Before the mutations of a commit. `now`: the store's clock. */
  begin(now: number): void;
  /** When all else of the commit is written. */
  finish(): void;
}

/** Somebody who hears of changes once they are committed. Neither may throw. */
export interface Watcher {
  /** Asked while a change is made: of what nobody wants to hear nothing is noted. */
  wants(topic: string): boolean;
  /** In the order of the commit, before whoever asked for the change is answered. */
  hear(changes: readonly unknown[]): void;
}

/** Where a mutation notes what it changes, for a watcher. */
export interface Notes extends Pick<Watcher, 'wants'> {
  note(change: unknown): void;
}

/** `now`: the store's clock, epoch milliseconds. `notes`: undefined while nobody watches. What it throws undoes what it did, and nothing else. */
// eslint-disable-next-line max-params -- where, what, when, and whom it is told
export type Mutation = (db: StoreWriter, input: never, now: number, notes?: Notes) => unknown;
/** Only reads. */
export type Query = (db: StoreReader, input: never, now: number) => unknown;

/** A migration for rows that are written otherwise from here on: an older version would take them for damaged, and is refused. */
export const newRows = 'SELECT 1';

export interface Area {
  readonly name: string;
  /** Each is one transaction; how many were applied is kept. Once released, one is never changed. Tables are STRICT. */
  readonly migrations: readonly string[];
  readonly tables: readonly CheckedTable[];
  readonly mutations: Readonly<Record<string, Mutation>>;
  /** Made anew for each transaction of SQLite, for all mutations of this area in it. What it wrote may be undone with it, and with nothing else. */
  readonly writer?: (db: StoreWriter) => AreaWriter;
  readonly queries: Readonly<Record<string, Query>>;
  /** Removes what has expired, at most `mostRows` at a time. Gives how many it removed. */
  readonly sweep?: (db: StoreWriter, now: number, mostRows: number) => number;
}

/** Who asks, which process of it, and the number of its question: a call that is repeated has the same. */
export interface Operation {
  readonly instance: string;
  readonly epoch: number;
  readonly number: number;
}

/** Input and answer are JSON. */
export interface QueryRequest {
  readonly area: string;
  readonly name: string;
  readonly input?: unknown;
}

export interface MutateRequest extends QueryRequest {
  readonly operation?: Operation;
  /** All of it as it came, when it came as bytes: an operation that is asked for again is compared by them. Without them by its input, as JSON. */
  readonly bytes?: Uint8Array;
}

/** Of the process that owns the store: what is to be changed is asked for when the commit begins, and so has all that came by then. `input` may not throw. */
export interface LateRequest extends Pick<QueryRequest, 'area' | 'name'> {
  readonly input: () => unknown;
  /**
   * Nobody needs it on disk now: it is there with the next commit that somebody needs, or within `bounds.storePatienceMs`. A power cut before that undoes it; the death of
   * the owner does not.
   */
  readonly isPatient?: boolean;
}
