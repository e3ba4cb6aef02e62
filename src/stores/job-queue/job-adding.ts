/** Adds jobs: all of a change or none, each with a number that no other ever has. */
import { bounds } from '../../core/bounds.ts';
import { TuttiError } from '../../core/errors.ts';
import type { StoreReader } from '../sqlite/area.ts';
import { findJob, findJobById, isEnded, states } from './job-table.ts';
import type { JobRow } from './job-table.ts';
import type { JobWriter } from './job-writer.ts';

export interface NewJob {
  /** Null: its number. */
  readonly id: string | null;
  readonly priority: number;
  /** Not before so long from now. */
  readonly delayMs?: number;
  /** Epoch milliseconds: not before. */
  readonly runAt?: number;
  readonly lifo?: boolean;
  readonly dedup?: { readonly id: string; readonly ttlMs?: number };
  readonly body: string;
}

export interface AddInput {
  readonly queue: string;
  readonly jobs: readonly NewJob[];
}

export interface AddOutput {
  readonly id: string;
  readonly added: boolean;
}

/** How many are not at their end. */
export const openJobs = (db: JobWriter, queue: string): number =>
  db.countOf(queue, states.waiting, states.delayed, states.running);

/** @throws {TuttiError} `OVERLOADED` when the queue has too much to come. */
export function add(db: JobWriter, { queue, jobs: asked }: AddInput, now: number): AddOutput[] {
  const open = openJobs(db, queue);
  if (open + asked.length > bounds.openJobs)
    throw new TuttiError('OVERLOADED', {
      what: `The queue ${queue}, which has ${String(open)} open jobs,`,
      isFull: true,
    });
  return asked.map((job) => addOne(db, queue, job, now));
}

// eslint-disable-next-line max-params -- a row, and when it is written
export function addOne(
  db: JobWriter,
  queue: string,
  { id, priority, delayMs = 0, runAt = 0, lifo, dedup, body }: NewJob,
  now: number,
  schedule: string | null = null,
): AddOutput {
  const there =
    (id === null ? undefined : findJobById(db, queue, id)) ??
    (dedup === undefined ? undefined : findDuplicate(db, queue, dedup.id, now));
  if (there !== undefined) return { id: there.id, added: false };
  const seq = db.nextSeq();
  const due = Math.max(now + delayMs, runAt);
  const isDelayed = due > now;
  db.add({
    ...{ seq, queue, id: id ?? String(seq), priority, schedule, body },
    state: isDelayed ? states.delayed : states.waiting,
    place: lifo === true ? -seq : seq,
    due: isDelayed ? due : 0,
    ...{ attempts: 0, run: 0, added: now, started: null, ended: null },
    dedup: dedup?.id ?? null,
    dedup_until: dedup?.ttlMs === undefined ? null : now + dedup.ttlMs,
    ...{ result: null, reason: null, progress: null },
  });
  return { id: id ?? String(seq), added: true };
}

/** With a time it counts until then, whatever became of the job; without one as long as the job is open. */
// eslint-disable-next-line max-params -- where, what, when
function findDuplicate(db: StoreReader, queue: string, dedup: string, now: number): JobRow | undefined {
  const last = findJob(db, 'queue = ? AND dedup = ? ORDER BY seq DESC', queue, dedup);
  if (last === undefined) return undefined;
  const counts = last.dedup_until === null ? !isEnded(last.state) : last.dedup_until > now;
  return counts ? last : undefined;
}
