/** The tables of jobs in a store, and how a row is read and written. What is done with them: `jobs-area.ts`, `job-lists.ts`, `schedules.ts`. */
import { TuttiError } from '../../core/errors.ts';
import { isJobName } from '../../core/job-id.ts';
import type { CheckedTable, StoreReader, StoreRow, StoreWriter } from '../sqlite/area.ts';
import { checkedRow, checksumOf } from '../sqlite/checksum.ts';

/** As they lie in the table: those from `done` on are final. */
export const states = { waiting: 0, delayed: 1, running: 2, done: 3, failed: 4, cancelled: 5 } as const;
export type StateName = keyof typeof states;
export const isEnded = (state: number): boolean => state >= states.done;

export interface JobRow {
  /** In the order in which they were added. No other job ever has it. */
  readonly seq: number;
  readonly queue: string;
  readonly id: string;
  /** See `states`. */
  readonly state: number;
  readonly priority: number;
  /** Of two with one priority the lower one is begun first. */
  readonly place: number;
  /** Epoch milliseconds of the store's clock, as all times here. Of a delayed one. */
  readonly due: number;
  /** How often it was begun since it was added or retried. */
  readonly attempts: number;
  /** Of all its runs the last: no other ever has its number. */
  readonly run: number;
  readonly added: number;
  readonly started: number | null;
  readonly ended: number | null;
  /** What it was deduplicated by, and until when. */
  readonly dedup: string | null;
  readonly dedup_until: number | null;
  /** The schedule that added it. */
  readonly schedule: string | null;
  /** JSON: input and context. */
  readonly body: string;
  /** JSON. */
  readonly result: string | null;
  readonly reason: string | null;
  /** JSON. */
  readonly progress: string | null;
}

export interface NamedJob {
  readonly queue: string;
  readonly id: string;
}

// prettier-ignore
export const columns = [
  'queue', 'id', 'state', 'priority', 'place', 'due', 'attempts', 'run', 'added', 'started', 'ended',
  'dedup', 'dedup_until', 'schedule', 'body', 'result', 'reason', 'progress',
] as const;

export const jobs: CheckedTable = { name: 'job_records', key: ['seq'], content: columns, long: 'body' };
export const jobLogs: CheckedTable = { name: 'job_logs', key: ['seq', 'number'], content: ['at', 'text'] };
export const jobQueues: CheckedTable = {
  name: 'job_queues',
  key: ['queue'],
  content: ['is_paused', 'window_end', 'taken', 'keep'],
};

/** Written by `JobWriter` with what changes them: a trigger would keep a journal of each row, and cost more than the row itself. */
export const jobCounts: CheckedTable = {
  name: 'job_counts',
  key: ['queue', 'state'],
  content: ['count'],
};

export const jobTables = `
  CREATE TABLE job_records (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    queue TEXT NOT NULL,
    id TEXT NOT NULL,
    state INTEGER NOT NULL,
    priority INTEGER NOT NULL,
    place INTEGER NOT NULL,
    due INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    run INTEGER NOT NULL,
    added INTEGER NOT NULL,
    started INTEGER,
    ended INTEGER,
    dedup TEXT,
    dedup_until INTEGER,
    schedule TEXT,
    body TEXT NOT NULL,
    result TEXT,
    reason TEXT,
    progress TEXT,
    checksum INTEGER NOT NULL
  ) STRICT;
  CREATE UNIQUE INDEX job_records_by_id ON job_records (queue, id);
  CREATE INDEX job_records_all ON job_records (queue, seq);
  CREATE INDEX job_records_waiting ON job_records (queue, priority DESC, place) WHERE state = 0;
  CREATE INDEX job_records_delayed ON job_records (queue, due, seq) WHERE state = 1;
  CREATE INDEX job_records_running ON job_records (queue, seq) WHERE state = 2;
  CREATE INDEX job_records_done ON job_records (queue, ended, seq) WHERE state = 3;
  CREATE INDEX job_records_failed ON job_records (queue, ended, seq) WHERE state = 4;
  CREATE INDEX job_records_cancelled ON job_records (queue, ended, seq) WHERE state = 5;
  CREATE INDEX job_records_by_dedup ON job_records (queue, dedup, seq) WHERE dedup IS NOT NULL;
  CREATE INDEX job_records_by_schedule ON job_records (queue, schedule) WHERE schedule IS NOT NULL AND state < 3;
  CREATE TABLE job_counts (
    queue TEXT NOT NULL,
    state INTEGER NOT NULL,
    count INTEGER NOT NULL,
    checksum INTEGER NOT NULL,
    PRIMARY KEY (queue, state)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE job_logs (
    seq INTEGER NOT NULL REFERENCES job_records (seq) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    at INTEGER NOT NULL,
    text TEXT NOT NULL,
    checksum INTEGER NOT NULL,
    PRIMARY KEY (seq, number)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE job_queues (
    queue TEXT PRIMARY KEY,
    is_paused INTEGER NOT NULL,
    window_end INTEGER NOT NULL,
    taken INTEGER NOT NULL,
    keep TEXT NOT NULL,
    checksum INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;`;

/** Of those that were named by whoever added them: a job without a name is found by its number, and to look after both cost as much as any other index. */
export const namedIndex = `
  DROP INDEX job_records_by_id;
  CREATE UNIQUE INDEX job_records_by_name ON job_records (queue, id) WHERE id <> CAST(seq AS TEXT);`;

const asJob = (row: StoreRow): JobRow => checkedRow(jobs, row) as StoreRow & JobRow;

export function findJobs(db: StoreReader, where: string, ...values: (string | number)[]): JobRow[] {
  return db.all(`SELECT * FROM job_records WHERE ${where}`, ...values).map(asJob);
}

export const findJob = (db: StoreReader, where: string, ...values: (string | number)[]): JobRow | undefined =>
  findJobs(db, `${where} LIMIT 1`, ...values)[0];

/** By its name, or by its number when it has none. */
export function findJobById(db: StoreReader, queue: string, id: string): JobRow | undefined {
  if (isJobName(id)) return findJob(db, 'queue = ? AND id = ? AND id <> CAST(seq AS TEXT)', queue, id);
  const found = findJob(db, 'seq = ? AND queue = ?', Number(id), queue);
  // `007` is no number that was ever given.
  return found?.id === id ? found : undefined;
}

/** @throws {TuttiError} `NOT_FOUND`. */
export function jobOf(db: StoreReader, queue: string, id: string): JobRow {
  const found = findJobById(db, queue, id);
  if (found === undefined) throw new TuttiError('NOT_FOUND', { what: `Job ${id} of ${queue}` });
  return found;
}

export interface QueueRow {
  readonly queue: string;
  readonly is_paused: number;
  /** Of the rate limit: until then `taken` counts. */
  readonly window_end: number;
  readonly taken: number;
  /** JSON: how long what has ended is kept. */
  readonly keep: string;
}

export function queueRow(db: StoreReader, queue: string): QueueRow {
  const row = db.get('SELECT * FROM job_queues WHERE queue = ?', queue);
  if (row !== undefined) return checkedRow(jobQueues, row) as StoreRow & QueueRow;
  return { queue, is_paused: 0, window_end: 0, taken: 0, keep: '' };
}

export function writeQueue(db: StoreWriter, row: QueueRow): void {
  db.run(
    'INSERT OR REPLACE INTO job_queues VALUES (?, ?, ?, ?, ?, ?)',
    row.queue,
    row.is_paused,
    row.window_end,
    row.taken,
    row.keep,
    checksumOf(jobQueues, row as unknown as StoreRow),
  );
}

export function countsOf(db: StoreReader, queue: string): Map<number, number> {
  const rows = db.all('SELECT * FROM job_counts WHERE queue = ?', queue);
  return new Map(
    rows.map((row) => {
      const { state, count } = checkedRow(jobCounts, row);
      return [Number(state), Number(count)];
    }),
  );
}
