/** What people wish of jobs and queues. Whether a job may still be changed is decided in the change itself. */
import { bounds } from '../../core/bounds.ts';
import type { StoreWriter } from '../sqlite/area.ts';
import { findJobs, isEnded, jobOf, queueRow, states, writeQueue } from './job-table.ts';
import type { NamedJob, StateName } from './job-table.ts';
import type { JobWriter } from './job-writer.ts';
import { storedText } from '../sqlite/stored-text.ts';

/** What was changed; null: it was in no state for it. */
export type Changed = { readonly seq: number; readonly wasRunning: boolean } | null;

export function cancel(
  db: JobWriter,
  { queue, id, reason }: NamedJob & { readonly reason: string },
  now: number,
): Changed {
  const job = jobOf(db, queue, id);
  if (isEnded(job.state)) return null;
  db.update(job, { state: states.cancelled, ended: now, reason: storedText(reason, bounds.jobError) });
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

export function retry(db: JobWriter, { queue, id }: NamedJob): Changed {
  const job = jobOf(db, queue, id);
  if (job.state !== states.failed && job.state !== states.cancelled) return null;
  db.update(job, anew);
  return { seq: job.seq, wasRunning: false };
}

export function promote(db: JobWriter, { queue, id }: NamedJob): Changed {
  const job = jobOf(db, queue, id);
  if (job.state !== states.delayed) return null;
  db.update(job, { state: states.waiting, due: 0 });
  return { seq: job.seq, wasRunning: false };
}

export function remove(db: JobWriter, { queue, id }: NamedJob): Changed {
  const job = jobOf(db, queue, id);
  if (job.state === states.running) return null;
  db.remove(job);
  return { seq: job.seq, wasRunning: false };
}

export function pause(
  db: StoreWriter,
  { queue, isPaused }: { readonly queue: string; readonly isPaused: boolean },
): void {
  writeQueue(db, { ...queueRow(db, queue), is_paused: isPaused ? 1 : 0 });
}

/** How long what has ended is kept; see `job-retention.ts`. */
export function keep(
  db: StoreWriter,
  { queue, keep: given }: { readonly queue: string; readonly keep: string },
): void {
  const row = queueRow(db, queue);
  if (row.keep !== given) writeQueue(db, { ...row, keep: given });
}

/** Some of those that are pending. Gives which. */
export function drain(db: JobWriter, { queue }: { readonly queue: string }): string[] {
  const found = findJobs(db, 'queue = ? AND state = 0 LIMIT ?', queue, bounds.jobPage);
  const all = [
    ...found,
    ...findJobs(db, 'queue = ? AND state = 1 LIMIT ?', queue, bounds.jobPage - found.length),
  ];
  for (const job of all) db.remove(job);
  return all.map(({ id }) => id);
}

export interface CleanInput {
  readonly queue: string;
  readonly state: StateName;
  readonly olderThanMs: number;
}

/** Some of those that ended so long ago. Gives how many. */
export function clean(db: JobWriter, { queue, state, olderThanMs }: CleanInput, now: number): number {
  const before = now - olderThanMs;
  return db.removeSome(
    queue,
    states[state],
    'ended <= ? ORDER BY ended, seq LIMIT ?',
    before,
    bounds.jobPage,
  );
}

/** Some of those that failed. Gives how many. */
export function redrive(db: JobWriter, { queue }: { readonly queue: string }): number {
  const failed = findJobs(db, 'queue = ? AND state = 4 ORDER BY ended, seq LIMIT ?', queue, bounds.jobPage);
  for (const job of failed) db.update(job, anew);
  return failed.length;
}
