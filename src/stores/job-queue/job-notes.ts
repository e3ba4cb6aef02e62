/** What a change of a job is to those who follow its queue. That a time has come, or was taken away, is no event: the job was pending, and is. Pure. */
import type { JobEventNote, JobEventType } from '../../core/job-events.ts';
import { isBug, shortReason } from '../../core/stored-job.ts';
import { states } from './job-table.ts';
import type { JobRow } from './job-table.ts';

const reached: ReadonlyMap<number, JobEventType> = new Map([
  [states.running, 'begun'],
  [states.done, 'done'],
  [states.failed, 'failed'],
  [states.cancelled, 'cancelled'],
]);

/** Undefined: it is none. */
export function eventType(before: JobRow, after: JobRow): JobEventType | undefined {
  if (after.state === before.state) return after.progress === before.progress ? undefined : 'progress';
  return reached.get(after.state) ?? (before.state < states.running ? undefined : 'again');
}

/** @param reason of this very change; the one in the row may be of another attempt. */
export function noteOf(
  type: JobEventType,
  { queue, id, attempts, progress }: Pick<JobRow, 'queue' | 'id' | 'attempts' | 'progress'>,
  { at, reason }: { readonly at: number; readonly reason?: string | null | undefined },
): JobEventNote {
  return {
    ...{ queue, type, id, at, attempts },
    ...(typeof reason === 'string' && { reason: shortReason({ reason }), isBug: isBug(reason) }),
    ...(type === 'progress' && progress !== null && { progress }),
  };
}
