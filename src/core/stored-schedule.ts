/** A schedule as the store gives it, and what all who show schedules make of it. Times are epoch milliseconds of the store's clock. */
import type { ScheduleView } from './job-view.ts';

export interface StoredSchedule {
  readonly name: string;
  readonly cron: string | null;
  readonly every_ms: number | null;
  readonly time_zone: string | null;
  readonly missed: string;
  readonly overlap: string;
  readonly next_at: number | null;
  readonly last_at: number | null;
  /** JSON: input and context. */
  readonly body: string;
}

export function scheduleViewOf({ name, cron, missed, overlap, ...row }: StoredSchedule): ScheduleView {
  const { payload } = JSON.parse(row.body) as { readonly payload: unknown };
  return {
    ...{ name, cron, everyMs: row.every_ms, timeZone: row.time_zone, missed, overlap },
    ...{ nextAt: row.next_at, lastAt: row.last_at, input: payload },
  };
}
