/** What a gateway shows of jobs and schedules: to who asks from without, so of why a job failed the first line, not the stack. Pure. */
import type { JobEventRecord } from '../../core/job-events.ts';
import { bugReason, publicReason, viewOf } from '../../core/stored-job.ts';
import type { StoredJob } from '../../core/stored-job.ts';
import { scheduleViewOf } from '../../core/stored-schedule.ts';
import type { StoredSchedule } from '../../core/stored-schedule.ts';

const momentOf = (at: number | null): string | undefined =>
  at === null ? undefined : new Date(at).toISOString();

export function jobOf(row: StoredJob): object {
  const view = viewOf(row);
  const { id, queue, state, input, priority, attempts } = view;
  return {
    ...{ id, queue, state, input, priority, attempts },
    ...{
      progress: row.progress === null ? undefined : view.progress,
      result: row.result === null ? undefined : view.result,
    },
    ...{ reason: publicReason(view), addedAt: momentOf(view.addedAt), dueAt: momentOf(view.dueAt) },
    ...{ startedAt: momentOf(view.startedAt), endedAt: momentOf(view.endedAt) },
  };
}

/** As it is now, for who follows it: what it was given he knows, or may ask for. */
export const changedJobOf = (row: StoredJob): object => ({ ...jobOf(row), input: undefined });

export function eventOf(record: JobEventRecord): object {
  const { cursor, type } = record;
  const at = momentOf(record.at);
  if (type === 'following') return { cursor, type, at };
  const { id, attempts, reason, isBug, progress } = record;
  const value = progress === undefined ? undefined : (JSON.parse(progress) as unknown);
  return { cursor, type, at, id, attempts, reason: isBug === true ? bugReason : reason, progress: value };
}

export function scheduleOf(row: StoredSchedule): object {
  const { name, cron, everyMs, timeZone, missed, overlap, input, nextAt, lastAt } = scheduleViewOf(row);
  return {
    ...{ name, cron: cron ?? undefined, everyMs: everyMs ?? undefined, timeZone: timeZone ?? undefined },
    ...{ missed, overlap, input, nextAt: momentOf(nextAt), lastAt: momentOf(lastAt) },
  };
}
