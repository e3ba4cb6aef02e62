/** `jobs`, as handlers have it: adds work to queues, looks at it, changes its course. Types only; the host makes the value. */
import type { JobEventType } from '../core/job-events.ts';
import type { MissedPolicy, OverlapPolicy } from '../core/schedule.ts';
import type { Queue } from './queue.ts';
import type { In, Jsonified, Out } from './schema.ts';

/** Where a job is. `pending`: it is to be begun, now or at its time. The last three are final, until somebody asks for it once more. */
export type JobState = 'pending' | 'running' | 'done' | 'failed' | 'cancelled';

export interface JobOptions {
  /** A name of its own: of two jobs with one name the second is not added. 1 to 255 characters, not all digits. Default: a number that no other job of the app ever had. */
  readonly jobId?: string | undefined;
  /** 0, the lowest, to 9. Default 5. */
  readonly priority?: number | undefined;
  /** Not before so many milliseconds from now. */
  readonly delayMs?: number | undefined;
  /** Not before this time. */
  readonly runAt?: Date | undefined;
  /** Before those of its priority that came earlier. */
  readonly lifo?: boolean | undefined;
  /** While one with this id is open, or for `ttlMs` after it was added, no other is added. */
  readonly deduplication?: { readonly id: string; readonly ttlMs?: number | undefined } | undefined;
}

export interface AddedJob {
  readonly id: string;
  /** False: there was one already, and this is it. */
  readonly added: boolean;
}

export interface Job<I = unknown, R = unknown> {
  readonly id: string;
  readonly queue: string;
  readonly state: JobState;
  readonly input: I;
  readonly priority: number;
  /** How often it was begun. */
  readonly attempts: number;
  /** As its handler last said. */
  readonly progress: unknown;
  /** Of one that is done. */
  readonly result: R | undefined;
  /** Of one that failed or was cancelled; of one that waits for its next attempt: why the last one failed. */
  readonly reason: string | undefined;
  readonly addedAt: Date;
  /** Of a pending one: not before. */
  readonly dueAt: Date | undefined;
  /** Of its last attempt. */
  readonly startedAt: Date | undefined;
  readonly endedAt: Date | undefined;
}

export type JobOf<Q> =
  Q extends Queue<string, infer I, infer O>
    ? Job<Jsonified<In<I>>, O extends undefined ? unknown : Jsonified<Out<O>>>
    : Job;

export interface JobCounts {
  /** To be begun as soon as there is room. */
  readonly waiting: number;
  /** Not before their time. */
  readonly delayed: number;
  readonly running: number;
  readonly done: number;
  readonly failed: number;
  readonly cancelled: number;
}

export interface JobListOptions {
  readonly state?: JobState | undefined;
  /** Default 100, at most 250. */
  readonly limit?: number | undefined;
  /** `next` of the page before. */
  readonly after?: string | undefined;
  /** Where nobody can keep that: the id of the last job of the page before. @throws {TuttiError} `NOT_FOUND` when it is forgotten. */
  readonly afterId?: string | undefined;
}

export interface JobPage<J> {
  readonly jobs: readonly J[];
  /** Undefined: these were the last. */
  readonly next: string | undefined;
}

export interface JobLogLine {
  readonly number: number;
  readonly at: Date;
  readonly text: string;
}

/** `cursor`: the `after` of who goes on behind it. `following`: from here on all is told, and nothing of what was before. */
export type JobEvent =
  | { readonly type: 'following'; readonly cursor: string; readonly at: Date }
  | {
      readonly type: JobEventType;
      readonly cursor: string;
      readonly at: Date;
      readonly id: string;
      /** How often it was begun. */
      readonly attempts: number;
      /** Of one that failed, was cancelled, or is begun again since an attempt failed. */
      readonly reason: string | undefined;
      /** Of `progress`. */
      readonly progress: unknown;
    };

export interface JobEventsOptions {
  /** `cursor` of the last event that is known. Undefined: from now on. */
  readonly after?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface ScheduleOptions {
  /** Minute, hour, day of the month, month and weekday, or a second before them: `0 3 * * *`. In place of `everyMs`. */
  readonly cron?: string | undefined;
  /** From one tick to the next, the first of them so long after it was made. At least 1,000. In place of `cron`. */
  readonly everyMs?: number | undefined;
  /** In which `cron` is meant: `Europe/Oslo`. Default `UTC`, whatever that of the machine is. */
  readonly timeZone?: string | undefined;
  /**
   * What becomes of ticks at which nobody was there. `once`, the default: one job for them all. `skip`: none for those that are over a minute late.
   * `all`: a job for each.
   */
  readonly missed?: MissedPolicy | undefined;
  /** `allow`, the default. `skip`: no job while one of this schedule has not come to its end. */
  readonly overlap?: OverlapPolicy | undefined;
}

export interface Schedule<I = unknown> {
  readonly queue: string;
  readonly name: string;
  readonly cron: string | undefined;
  readonly everyMs: number | undefined;
  /** Of one with `cron`. */
  readonly timeZone: string | undefined;
  readonly missed: MissedPolicy;
  readonly overlap: OverlapPolicy;
  readonly input: I;
  /** Undefined: it ticks no more, since it cannot be read or its time zone is not known any more. The log of the store says which. */
  readonly nextAt: Date | undefined;
  /** The last tick that became a job. */
  readonly lastAt: Date | undefined;
}

export type ScheduleOf<Q> = Q extends Queue<string, infer I> ? Schedule<Jsonified<In<I>>> : Schedule;

export interface Jobs {
  /** Resolves when it is on disk. @throws {TuttiError} `INVALID_INPUT`, `PAYLOAD_TOO_LARGE`, `OVERLOADED`, and what the store says. */
  add<Q extends Queue>(queue: Q, input: In<Q['input']>, options?: JobOptions): Promise<AddedJob>;
  /** All of them or none. */
  addMany<Q extends Queue>(
    queue: Q,
    jobs: readonly (JobOptions & { readonly input: In<Q['input']> })[],
  ): Promise<readonly AddedJob[]>;
  get<Q extends Queue>(queue: Q, id: string): Promise<JobOf<Q> | undefined>;
  /** Pending ones in the order in which they will be begun, ended ones with the latest first, all of them with the newest first. */
  list<Q extends Queue>(queue: Q, options?: JobListOptions): Promise<JobPage<JobOf<Q>>>;
  counts(queue: Queue): Promise<JobCounts>;
  logs(queue: Queue, id: string): Promise<readonly JobLogLine[]>;
  /** Resolves when it has come to its end. @throws {TuttiError} `CALL_TIMED_OUT`, `NOT_FOUND`. */
  waitFor<Q extends Queue>(
    queue: Q,
    id: string,
    options?: { readonly timeoutMs?: number; readonly signal?: AbortSignal },
  ): Promise<JobOf<Q>>;
  /**
   * What happens to the jobs of a queue, in order, once it is on disk; the first one without `after` is `following`. There is no last one: leave it, or abort its signal.
   * @throws {TuttiError} `EVENTS_LOST`: some of it is not known any more, as that of an owner of the store that died: read what is there anew, and follow without
   * `after`. `OVERLOADED`, and what the store says.
   */
  events(queue: Queue, options?: JobEventsOptions): AsyncIterableIterator<JobEvent, undefined>;
  /** Of a running one the signal aborts, wherever it runs. False: it had ended. @throws {TuttiError} `NOT_FOUND`. */
  cancel(queue: Queue, id: string, reason?: string): Promise<boolean>;
  /** One that failed or was cancelled is to be begun once more, with all its attempts. False: it is in neither state. */
  retry(queue: Queue, id: string): Promise<boolean>;
  /** One that waits for its time does not any more. */
  promote(queue: Queue, id: string): Promise<boolean>;
  /** One that does not run is forgotten, and its name may be used anew. */
  remove(queue: Queue, id: string): Promise<boolean>;
  /** Begins none until `resume`; what runs goes on. */
  pause(queue: Queue): Promise<void>;
  resume(queue: Queue): Promise<void>;
  /** Forgets all that are pending. Gives how many. */
  drain(queue: Queue): Promise<number>;
  /** Forgets those that ended at least so long ago. Gives how many. */
  clean(queue: Queue, state: 'done' | 'failed' | 'cancelled', olderThanMs?: number): Promise<number>;
  /** All that failed are to be begun once more. Gives how many. */
  redrive(queue: Queue): Promise<number>;
  /**
   * Adds a job at each tick, from now on. One of this name is replaced: with another rhythm it begins anew, otherwise its next tick stays. So every
   * process may ask for it at its start. @throws {TuttiError} `INVALID_INPUT`, `PAYLOAD_TOO_LARGE`, and what the store says.
   */
  schedule<Q extends Queue>(
    queue: Q,
    name: string,
    options: ScheduleOptions,
    input: In<Q['input']>,
  ): Promise<ScheduleOf<Q>>;
  /** Adds none any more; the jobs that are there stay. False: there was none of this name. */
  unschedule(queue: Queue, name: string): Promise<boolean>;
  /** By name. */
  schedules<Q extends Queue>(queue: Q): Promise<readonly ScheduleOf<Q>[]>;
}

/** What the handler of a job has beside what all have. */
export interface RunningJob {
  readonly id: string;
  readonly queue: string;
  /** From 1. */
  readonly attempt: number;
  /** Stored. @throws {TuttiError} `LEASE_LOST` when the job is another run's by now, or cancelled. */
  progress(value: unknown): Promise<void>;
  /** A line in the log of the job. @throws {TuttiError} `LEASE_LOST`. */
  log(text: string): Promise<void>;
  /** It has failed, however many attempts are left. */
  giveUp(reason: string): never;
}
