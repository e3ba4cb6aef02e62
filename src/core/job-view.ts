/** Queues and their jobs as the admin API gives them: to who runs the app, so with all that is stored. Times are epoch milliseconds. */

export interface QueueCounts {
  readonly waiting: number;
  readonly delayed: number;
  readonly running: number;
  readonly done: number;
  readonly failed: number;
  readonly cancelled: number;
}

/** Runs that ended, by how, since the owner of the store began: of jobs that are at their end some are kept, and that is no measure of them. */
export interface RunEnds {
  readonly done: number;
  readonly failed: number;
  /** They are begun again. */
  readonly again: number;
}

export interface QueueView {
  readonly queue: string;
  readonly isPaused: boolean;
  readonly counts: QueueCounts;
  /** Null: nobody has done its jobs since then. */
  readonly ends: RunEnds | null;
  /** The service that does its jobs, and how many instances of it are ready. Null: no service of the app does. */
  readonly worker: { readonly service: string; readonly ready: number } | null;
}

export const jobStates = ['pending', 'running', 'done', 'failed', 'cancelled'] as const;
export type JobStateName = (typeof jobStates)[number];

/** Those that can be forgotten by their age. */
export const endedStates = ['done', 'failed', 'cancelled'] as const;
export type EndedState = (typeof endedStates)[number];

export interface JobView {
  readonly id: string;
  readonly queue: string;
  readonly state: JobStateName;
  readonly input: unknown;
  readonly priority: number;
  /** How often it was begun. */
  readonly attempts: number;
  readonly progress: unknown;
  readonly result: unknown;
  /** With its stack. */
  readonly reason: string | null;
  readonly addedAt: number;
  /** Of a pending one that waits for its time. */
  readonly dueAt: number | null;
  readonly startedAt: number | null;
  readonly endedAt: number | null;
  /** Of the request that added it. */
  readonly requestId: string | null;
}

export interface JobLogView {
  readonly number: number;
  readonly at: number;
  readonly text: string;
}

export interface JobDetail extends JobView {
  readonly log: readonly JobLogView[];
}

export interface JobListView {
  readonly jobs: readonly JobView[];
  /** Null: these were the last. */
  readonly next: string | null;
}

/** `nextAt`: null: it ticks no more, and the log has said why. */
export interface ScheduleView {
  readonly name: string;
  readonly cron: string | null;
  readonly everyMs: number | null;
  readonly timeZone: string | null;
  readonly missed: string;
  readonly overlap: string;
  readonly nextAt: number | null;
  readonly lastAt: number | null;
  readonly input: unknown;
}
