/** The tables of jobs in a store, and how a row is read and written. What is done with them: `jobs-area.ts`, `job-lists.ts`, `schedules.ts`. */
import { TuttiError } from '../../core/errors.ts';
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
  /** How often it was begun. */
  readonly attempts: number;
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
const columns = [
  'queue', 'id', 'state', 'priority', 'place', 'due', 'attempts', 'added', 'started', 'ended',
  'dedup', 'dedup_until', 'schedule', 'body', 'result', 'reason', 'progress',
] as const;

export const jobs: CheckedTable = { name: 'job_records', key: ['seq'], content: columns };
export const jobLogs: CheckedTable = { name: 'job_logs', key: ['seq', 'number'], content: ['at', 'text'] };
export const jobQueues: CheckedTable = {
  name: 'job_queues',
  key: ['queue'],
  content: ['is_paused', 'window_end', 'taken', 'keep'],
};

/** Counts follow by themselves, in the same change: they have no checksum, and a look at all rows gives the same. */
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
    PRIMARY KEY (queue, state)
  ) STRICT, WITHOUT ROWID;
  CREATE TRIGGER job_counts_added AFTER INSERT ON job_records BEGIN
    INSERT INTO job_counts VALUES (new.queue, new.state, 1) ON CONFLICT DO UPDATE SET count = count + 1;
  END;
  CREATE TRIGGER job_counts_removed AFTER DELETE ON job_records BEGIN
    UPDATE job_counts SET count = count - 1 WHERE queue = old.queue AND state = old.state;
  END;
  CREATE TRIGGER job_counts_moved AFTER UPDATE OF state ON job_records WHEN old.state <> new.state BEGIN
    UPDATE job_counts SET count = count - 1 WHERE queue = old.queue AND state = old.state;
    INSERT INTO job_counts VALUES (new.queue, new.state, 1) ON CONFLICT DO UPDATE SET count = count + 1;
  END;
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

const asJob = (row: StoreRow): JobRow => checkedRow(jobs, row) as StoreRow & JobRow;

export function findJobs(db: StoreReader, where: string, ...values: (string | number)[]): JobRow[] {
  return db.all(`SELECT * FROM job_records WHERE ${where}`, ...values).map(asJob);
}

export const findJob = (db: StoreReader, where: string, ...values: (string | number)[]): JobRow | undefined =>
  findJobs(db, `${where} LIMIT 1`, ...values)[0];

/** @throws {TuttiError} `NOT_FOUND`. */
export function jobOf(db: StoreReader, queue: string, id: string): JobRow {
  const found = findJob(db, 'queue = ? AND id = ?', queue, id);
  if (found === undefined) throw new TuttiError('NOT_FOUND', { what: `Job ${id} of ${queue}` });
  return found;
}

export function insertJob(db: StoreWriter, row: JobRow): void {
  const values = columns.map((column) => row[column]);
  db.run(
    'INSERT INTO job_records VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
    ...[row.seq, ...values, checksumOf(jobs, row as unknown as StoreRow)],
  );
}

/** Of what changes in the life of a job. */
export function updateJob(db: StoreWriter, row: JobRow): void {
  db.run(
    'UPDATE job_records SET state = ?, place = ?, due = ?, attempts = ?, started = ?, ended = ?, result = ?, reason = ?, progress = ?, checksum = ? WHERE seq = ?',
    row.state,
    row.place,
    row.due,
    row.attempts,
    row.started,
    row.ended,
    row.result,
    row.reason,
    row.progress,
    checksumOf(jobs, row as unknown as StoreRow),
    row.seq,
  );
}

export const removeJob = (db: StoreWriter, seq: number): number =>
  db.run('DELETE FROM job_records WHERE seq = ?', seq);

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

export function countOf(db: StoreReader, queue: string, ...of: readonly number[]): number {
  const rows = db.all('SELECT state, count FROM job_counts WHERE queue = ?', queue);
  return rows.reduce((sum, { state, count }) => (of.includes(Number(state)) ? sum + Number(count) : sum), 0);
}
