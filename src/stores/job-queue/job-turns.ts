/**
 * What the dispatcher of a queue does with its jobs, turn by turn: how runs ended, and which ones begin. Both in one change, so that a slot that is free again is
 * filled by the commit that writes why.
 */
import { bounds } from '../../core/bounds.ts';
import { TuttiError } from '../../core/errors.ts';
import type { StoreReader, StoreWriter } from '../sqlite/area.ts';
import { ifSound } from '../sqlite/checksum.ts';
import { addLog } from './job-log.ts';
import { findJob, queueRow, states, writeQueue } from './job-table.ts';
import type { JobRow, NamedJob } from './job-table.ts';
import type { JobWriter } from './job-writer.ts';
import { storedText } from '../sqlite/stored-text.ts';

export interface ClaimInput {
  readonly limit: number;
  readonly rate?: { readonly max: number; readonly perMs: number };
}

/** One that runs from now on. */
export type ClaimedJob = JobRow & {
  readonly started: number;
};

export interface ClaimOutput {
  readonly jobs: readonly ClaimedJob[];
  /** Until there may be more; undefined: until somebody adds one. */
  readonly moreInMs?: number;
}

/** Which run of which job. */
export interface Run {
  readonly seq: number;
  /** See `JobRow`. */
  readonly run: number;
}

/** Its row as it was when it was begun, from whoever has it: then it need not be read once more. */
export type SettleInput = Run & { readonly row?: JobRow } & (
    | { readonly end: 'done'; readonly result: string }
    | { readonly end: 'failed'; readonly reason: string }
    | { readonly end: 'again'; readonly afterMs: number; readonly reason: string }
    // It did not run: no attempt of the job.
    | { readonly end: 'back'; readonly afterMs: number }
  );

export interface TurnInput {
  readonly queue: string;
  readonly ends: readonly SettleInput[];
  /** Undefined: there is no room. */
  readonly claim?: ClaimInput;
}

export interface TurnOutput extends ClaimOutput {
  /** Of each end, whether it counts: false where the job is another run's by now, or at its end. */
  readonly counts: readonly boolean[];
  /** Numbers of jobs whose rows are damaged: they have failed. */
  readonly damaged: readonly number[];
}

export function turn(db: JobWriter, { queue, ends, claim: wish }: TurnInput, now: number): TurnOutput {
  // A row that is damaged holds up no other.
  const counts = ends.map((end) => ifSound(() => settle(db, end, now)) ?? false);
  const claimed = wish === undefined ? { jobs: [] } : claim(db, queue, wish, now);
  return { counts, damaged: db.takeDamaged(), ...claimed };
}

/** Takes those that are next, and begins a run of each. */
// eslint-disable-next-line max-params -- where, what, when
function claim(db: JobWriter, queue: string, { limit, rate }: ClaimInput, now: number): ClaimOutput {
  const row = queueRow(db, queue);
  if (row.is_paused === 1) return { jobs: [] };
  makeDue(db, queue, now);
  const isOpen = rate !== undefined && row.window_end > now;
  const taken = isOpen ? row.taken : 0;
  const room = rate === undefined ? limit : Math.min(limit, Math.max(0, rate.max - taken));
  const next = db.sound(queue, states.waiting, '1 ORDER BY priority DESC, place LIMIT ?', room);
  const begun = next.map((job) => {
    const changes = { state: states.running, attempts: job.attempts + 1, run: job.run + 1, started: now };
    return db.update(job, changes) as ClaimedJob;
  });
  const windowEnd = isOpen ? row.window_end : now + (rate?.perMs ?? 0);
  if (rate !== undefined && begun.length > 0)
    writeQueue(db, { ...row, window_end: windowEnd, taken: taken + begun.length });
  const isAtRate = rate !== undefined && taken + begun.length >= rate.max;
  const due = isAtRate ? windowEnd : nextDue(db, queue);
  return { jobs: begun, ...(due === undefined ? {} : { moreInMs: Math.max(0, due - now) }) };
}

/** Those whose time has come are to be begun as those that never had one. */
function makeDue(db: JobWriter, queue: string, now: number): void {
  const rest = 'due <= ? ORDER BY due, seq LIMIT ?';
  const due = db.sound(queue, states.delayed, rest, now, bounds.jobsAtOnce);
  for (const job of due) db.update(job, { state: states.waiting });
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
  run: number,
): job is JobRow & { readonly state: typeof states.running } =>
  job?.state === states.running && job.run === run;

/** False: the job is another run's by now, or at its end; nothing was changed. */
function settle(db: JobWriter, input: SettleInput, now: number): boolean {
  const { row, seq, run } = input;
  if (row !== undefined && db.updateBegun(row, changesOf(input, row, now))) return true;
  const job = findJob(db, 'seq = ?', seq);
  if (!isRun(job, run)) return false;
  db.update(job, changesOf(input, job, now));
  return true;
}

function changesOf(input: SettleInput, { attempts }: JobRow, now: number): Partial<JobRow> {
  if (input.end === 'done') return { state: states.done, ended: now, result: input.result, reason: null };
  if (input.end === 'back') return { ...pending(now, input.afterMs), attempts: attempts - 1 };
  const reason = storedText(input.reason, bounds.jobError);
  return input.end === 'failed'
    ? { state: states.failed, ended: now, reason }
    : { ...pending(now, input.afterMs), reason };
}

const pending = (now: number, afterMs: number): Pick<JobRow, 'state' | 'due'> =>
  afterMs > 0 ? { state: states.delayed, due: now + afterMs } : { state: states.waiting, due: 0 };

/** @throws {TuttiError} `LEASE_LOST`. */
function runOf(db: StoreReader, { seq, run }: Run): JobRow {
  const job = findJob(db, 'seq = ?', seq);
  if (isRun(job, run)) return job;
  throw new TuttiError('LEASE_LOST', { job: job?.id ?? String(seq) });
}

/** Gives of which job. */
export function progress(db: JobWriter, { value, ...run }: Run & { readonly value: string }): NamedJob {
  const { queue, id } = db.update(runOf(db, run), { progress: value });
  return { queue, id };
}

export function log(db: StoreWriter, { text, ...run }: Run & { readonly text: string }, now: number): void {
  runOf(db, run);
  addLog(db, run.seq, text, now);
}
