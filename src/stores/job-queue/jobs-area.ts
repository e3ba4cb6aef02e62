/**
 * The area `jobs` of a store: what is to be done, what is being done, and how it ended. Each mutation is one change of state; whether a job may be changed by who
 * asks is decided here, in the transaction that changes it.
 */
import { bounds } from '../../core/bounds.ts';
import { TuttiError } from '../../core/errors.ts';
import type { Area, StoreReader, StoreWriter } from '../sqlite/area.ts';
import { counts, get, list, logs, queues, running } from './job-lists.ts';
import {
  findJob,
  findJobs,
  isEnded,
  jobLogs,
  jobOf,
  jobQueues,
  jobTables,
  jobs,
  queueRow,
  removeJob,
  states,
  updateJob,
  writeQueue,
} from './job-table.ts';
import type { JobRow, NamedJob, StateName } from './job-table.ts';
import { add } from './add-jobs.ts';
import { addLog } from './job-log.ts';
import { removeOld } from './job-retention.ts';
import { jobSchedules, repair, schedule, scheduleTables, schedules, tick, unschedule } from './schedules.ts';

export interface ClaimInput {
  readonly queue: string;
  readonly limit: number;
  readonly rate?: { readonly max: number; readonly perMs: number };
}

/** One that runs from now on; `attempts` tells this run from all others of the job. */
export type ClaimedJob = Pick<JobRow, 'seq' | 'queue' | 'id' | 'priority' | 'attempts' | 'body'> & {
  readonly started: number;
  /** For its turn, since it was added or due. */
  readonly waitedMs: number;
};

export interface ClaimOutput {
  readonly jobs: readonly ClaimedJob[];
  /** Until there may be more; undefined: until somebody adds one. */
  readonly moreInMs?: number;
}

/** Which run of which job. */
export interface Run {
  readonly seq: number;
  readonly attempt: number;
}

export type SettleInput = Run &
  (
    | { readonly end: 'done'; readonly result: string }
    | { readonly end: 'failed'; readonly reason: string }
    | { readonly end: 'again'; readonly afterMs: number; readonly reason: string }
    // It did not run: no attempt of the job.
    | { readonly end: 'back'; readonly afterMs: number }
  );

export const jobsArea: Area = {
  name: 'jobs',
  migrations: [jobTables, scheduleTables],
  tables: [jobs, jobLogs, jobQueues, jobSchedules],
  mutations: {
    add,
    claim,
    settle,
    progress,
    log,
    cancel,
    retry,
    promote,
    remove,
    pause,
    drain,
    clean,
    redrive,
    keep,
    schedule,
    unschedule,
    tick,
    repair,
  },
  queries: { get, list, counts, logs, queues, running, schedules },
  sweep: removeOld,
};

/** Takes those that are next, and begins a run of each. */
function claim(db: StoreWriter, { queue, limit, rate }: ClaimInput, now: number): ClaimOutput {
  const row = queueRow(db, queue);
  if (row.is_paused === 1) return { jobs: [] };
  makeDue(db, queue, now);
  const isOpen = rate !== undefined && row.window_end > now;
  const taken = isOpen ? row.taken : 0;
  const room = rate === undefined ? limit : Math.min(limit, Math.max(0, rate.max - taken));
  const next = findJobs(db, 'queue = ? AND state = 0 ORDER BY priority DESC, place LIMIT ?', queue, room);
  const begun = next.map((job) => {
    const begin = { ...job, state: states.running, attempts: job.attempts + 1, started: now, reason: null };
    updateJob(db, begin);
    const { seq, id, priority, attempts, body } = begin;
    return {
      seq,
      queue,
      id,
      priority,
      attempts,
      body,
      started: now,
      waitedMs: now - Math.max(job.added, job.due),
    };
  });
  const windowEnd = isOpen ? row.window_end : now + (rate?.perMs ?? 0);
  if (rate !== undefined && begun.length > 0)
    writeQueue(db, { ...row, window_end: windowEnd, taken: taken + begun.length });
  const isAtRate = rate !== undefined && taken + begun.length >= rate.max;
  const due = isAtRate ? windowEnd : nextDue(db, queue);
  return { jobs: begun, ...(due === undefined ? {} : { moreInMs: Math.max(0, due - now) }) };
}

/** Those whose time has come are to be begun as those that never had one. */
function makeDue(db: StoreWriter, queue: string, now: number): void {
  const due = findJobs(
    db,
    'queue = ? AND state = 1 AND due <= ? ORDER BY due, seq LIMIT ?',
    queue,
    now,
    bounds.jobsAtOnce,
  );
  for (const job of due) updateJob(db, { ...job, state: states.waiting });
}

function nextDue(db: StoreReader, queue: string): number | undefined {
  const row = db.get(
    'SELECT due FROM job_records WHERE queue = ? AND state = 1 ORDER BY due, seq LIMIT 1',
    queue,
  );
  return row && Number(row['due']);
}

const isRun = (
  job: JobRow | undefined,
  attempt: number,
): job is JobRow & { readonly state: typeof states.running } =>
  job?.state === states.running && job.attempts === attempt;

/** False: the job is another run's by now, or at its end; nothing was changed. */
function settle(db: StoreWriter, input: SettleInput, now: number): boolean {
  const job = findJob(db, 'seq = ?', input.seq);
  if (!isRun(job, input.attempt)) return false;
  if (input.end === 'done') {
    updateJob(db, { ...job, state: states.done, ended: now, result: input.result });
    return true;
  }
  if (input.end === 'back') {
    const attempts = job.attempts - 1;
    updateJob(db, { ...job, ...pending(now, input.afterMs), attempts, reason: job.reason });
    return true;
  }
  const reason = input.reason.slice(0, bounds.jobError);
  if (input.end === 'failed') updateJob(db, { ...job, state: states.failed, ended: now, reason });
  else updateJob(db, { ...job, ...pending(now, input.afterMs), reason });
  return true;
}

const pending = (now: number, afterMs: number): Pick<JobRow, 'state' | 'due'> =>
  afterMs > 0 ? { state: states.delayed, due: now + afterMs } : { state: states.waiting, due: 0 };

/** @throws {TuttiError} `LEASE_LOST`. */
function runOf(db: StoreReader, { seq, attempt }: Run): JobRow {
  const job = findJob(db, 'seq = ?', seq);
  if (isRun(job, attempt)) return job;
  throw new TuttiError('LEASE_LOST', { job: job?.id ?? String(seq) });
}

function progress(db: StoreWriter, { value, ...run }: Run & { readonly value: string }): void {
  updateJob(db, { ...runOf(db, run), progress: value });
}

function log(db: StoreWriter, { text, ...run }: Run & { readonly text: string }, now: number): void {
  runOf(db, run);
  addLog(db, run.seq, text, now);
}

/** What was changed; null: it was in no state for it. */
export type Changed = { readonly seq: number; readonly wasRunning: boolean } | null;

function cancel(
  db: StoreWriter,
  { queue, id, reason }: NamedJob & { readonly reason: string },
  now: number,
): Changed {
  const job = jobOf(db, queue, id);
  if (isEnded(job.state)) return null;
  updateJob(db, { ...job, state: states.cancelled, ended: now, reason: reason.slice(0, bounds.jobError) });
  return { seq: job.seq, wasRunning: job.state === states.running };
}

const anew = {
  state: states.waiting,
  due: 0,
  attempts: 0,
  started: null,
  ended: null,
  reason: null,
} as const;

function retry(db: StoreWriter, { queue, id }: NamedJob): Changed {
  const job = jobOf(db, queue, id);
  if (job.state !== states.failed && job.state !== states.cancelled) return null;
  updateJob(db, { ...job, ...anew });
  return { seq: job.seq, wasRunning: false };
}

function promote(db: StoreWriter, { queue, id }: NamedJob): Changed {
  const job = jobOf(db, queue, id);
  if (job.state !== states.delayed) return null;
  updateJob(db, { ...job, state: states.waiting, due: 0 });
  return { seq: job.seq, wasRunning: false };
}

function remove(db: StoreWriter, { queue, id }: NamedJob): Changed {
  const job = jobOf(db, queue, id);
  if (job.state === states.running) return null;
  removeJob(db, job.seq);
  return { seq: job.seq, wasRunning: false };
}

function pause(
  db: StoreWriter,
  { queue, isPaused }: { readonly queue: string; readonly isPaused: boolean },
): void {
  writeQueue(db, { ...queueRow(db, queue), is_paused: isPaused ? 1 : 0 });
}

/** How long what has ended is kept; see `job-retention.ts`. */
function keep(
  db: StoreWriter,
  { queue, keep: given }: { readonly queue: string; readonly keep: string },
): void {
  const row = queueRow(db, queue);
  if (row.keep !== given) writeQueue(db, { ...row, keep: given });
}

/** Some of those that are pending. Gives which. */
function drain(db: StoreWriter, { queue }: { readonly queue: string }): string[] {
  const found = findJobs(db, 'queue = ? AND state = 0 LIMIT ?', queue, bounds.jobPage);
  const all = [
    ...found,
    ...findJobs(db, 'queue = ? AND state = 1 LIMIT ?', queue, bounds.jobPage - found.length),
  ];
  for (const { seq } of all) removeJob(db, seq);
  return all.map(({ id }) => id);
}

export interface CleanInput {
  readonly queue: string;
  readonly state: StateName;
  readonly olderThanMs: number;
}

/** Some of those that ended so long ago. Gives how many. */
function clean(db: StoreWriter, { queue, state, olderThanMs }: CleanInput, now: number): number {
  const which = `queue = ? AND state = ${String(states[state])} AND ended <= ? ORDER BY ended, seq LIMIT ?`;
  return db.run(
    `DELETE FROM job_records WHERE seq IN (SELECT seq FROM job_records WHERE ${which})`,
    queue,
    now - olderThanMs,
    bounds.jobPage,
  );
}

/** Some of those that failed. Gives how many. */
function redrive(db: StoreWriter, { queue }: { readonly queue: string }): number {
  const failed = findJobs(db, 'queue = ? AND state = 4 ORDER BY ended, seq LIMIT ?', queue, bounds.jobPage);
  for (const job of failed) updateJob(db, { ...job, ...anew });
  return failed.length;
}
