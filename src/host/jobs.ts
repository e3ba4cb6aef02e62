/** `jobs`: asks the store of the app about work that is to be done. What is added is held against the schema of its queue before it leaves. */
import { bounds } from '../core/bounds.ts';
import { TuttiError } from '../core/errors.ts';
import { fittingPage } from '../core/fitting-page.ts';
import { jobStates } from '../core/job-view.ts';
import { shown } from '../core/options.ts';
import { shortReason, viewOf } from '../core/stored-job.ts';
import type { StoredJob } from '../core/stored-job.ts';
import type { Clock } from '../core/ports.ts';
import type {
  AddedJob,
  Job,
  JobCounts,
  JobEvent,
  JobEventsOptions,
  JobListOptions,
  JobLogLine,
  JobOptions,
  Jobs,
  ScheduleOptions,
} from '../define/jobs.ts';
import type { Queue } from '../define/queue.ts';
import type { StoreClient } from '../mesh/store-client.ts';
import { TurnBatches } from '../mesh/turn-batch.ts';
import { eventsOf } from './job-events.ts';
import {
  bodyOf,
  checkedReason,
  checkedText,
  checkedWhole,
  invalid,
  longestMs,
  nameOf,
  optionsOf,
} from './job-checks.ts';
import { StoredSchedules } from './schedules.ts';
import { unlessAborted } from './unless-aborted.ts';

/** `job`: as the store takes it, without its body. */
interface JobToAdd {
  readonly job: object;
  readonly body: string;
}

const area = 'jobs';
/** How long the end of a job is waited for in one question. */
const sliceMs = 20_000;
const defaultPage = 100;

const dateOf = (at: number | null): Date | undefined => (at === null ? undefined : new Date(at));

function jobOf(row: StoredJob): Job {
  const view = viewOf(row);
  const { id, queue, state, input, priority, attempts } = view;
  return {
    ...{ id, queue, state, input, priority, attempts },
    progress: row.progress === null ? undefined : view.progress,
    result: row.result === null ? undefined : view.result,
    reason: shortReason(view),
    addedAt: new Date(view.addedAt),
    dueAt: dateOf(view.dueAt),
    startedAt: dateOf(view.startedAt),
    endedAt: dateOf(view.endedAt),
  };
}

class StoredJobs implements Jobs {
  readonly #store: StoreClient;
  readonly #clock: Clock;
  readonly #schedules: StoredSchedules;
  readonly #adds = new TurnBatches<JobToAdd, AddedJob>({
    ask: (jobs, queue) => this.#addAll(queue, jobs),
    charsOf: ({ body }) => body.length,
  });

  constructor(store: StoreClient, clock: Clock) {
    this.#store = store;
    this.#schedules = new StoredSchedules(store);
    this.#clock = clock;
  }

  async add(queue: Queue, input: unknown, options: JobOptions = {}): Promise<AddedJob> {
    const name = nameOf(queue);
    return this.#adds.add(name, { job: optionsOf(options), body: await bodyOf(queue, input) });
  }

  async addMany(
    queue: Queue,
    jobs: readonly (JobOptions & { readonly input: unknown })[],
  ): Promise<readonly AddedJob[]> {
    const name = nameOf(queue);
    if (jobs.length === 0) return [];
    if (jobs.length > bounds.jobsPerAdd)
      throw invalid(
        `At most ${String(bounds.jobsPerAdd)} jobs are added at once, not ${String(jobs.length)}`,
      );
    const rows: JobToAdd[] = [];
    for (const { input, ...options } of jobs) {
      const body = bodyOf(queue, input);
      rows.push({ job: optionsOf(options), body: typeof body === 'string' ? body : await body });
    }
    return this.#addAll(name, rows);
  }

  async get(queue: Queue, id: string): Promise<never> {
    const row = (await this.#ask('get', this.#named(queue, id))) as StoredJob | undefined | null;
    return (row ? jobOf(row) : undefined) as never;
  }

  async list(
    queue: Queue,
    { state, limit = defaultPage, after, afterId }: JobListOptions = {},
  ): Promise<{ jobs: never[]; next: string | undefined }> {
    if (state !== undefined && !jobStates.includes(state))
      throw invalid(`A job is pending, running, done, failed or cancelled, not ${shown(state)}`);
    if (!Number.isInteger(limit) || limit < 1 || limit > bounds.jobPage)
      throw invalid(`limit is a whole number from 1 to ${String(bounds.jobPage)}`);
    if (after !== undefined && afterId !== undefined) throw invalid('A page has an after or an afterId');
    const place = { queue: nameOf(queue), state, after, afterId };
    const page = await fittingPage(limit, (fitting) => this.#ask('list', { ...place, limit: fitting }));
    const { jobs, next } = page as { jobs: StoredJob[]; next?: string };
    return { jobs: jobs.map(jobOf) as never[], next };
  }

  counts(queue: Queue): Promise<JobCounts> {
    return this.#ask('counts', { queue: nameOf(queue) }) as Promise<JobCounts>;
  }

  async logs(queue: Queue, id: string): Promise<readonly JobLogLine[]> {
    const lines = (await this.#ask('logs', this.#named(queue, id))) as {
      number: number;
      at: number;
      text: string;
    }[];
    return lines.map(({ number, at, text }) => ({ number, at: new Date(at), text }));
  }

  async waitFor(
    queue: Queue,
    id: string,
    { timeoutMs = 30_000, signal }: { readonly timeoutMs?: number; readonly signal?: AbortSignal } = {},
  ): Promise<never> {
    const until = this.#clock.now() + timeoutMs;
    const named = this.#named(queue, id);
    for (let leftMs = timeoutMs; leftMs > 0; leftMs = until - this.#clock.now()) {
      signal?.throwIfAborted();
      const withinMs = Math.min(sliceMs, leftMs);
      // What the question itself takes is not part of its time.
      const asked = this.#store.wait(
        { area, name: 'end', input: { ...named, withinMs } },
        leftMs + bounds.storeMs,
      );
      const row = (await unlessAborted(asked, signal)) as StoredJob | null;
      if (row !== null) return jobOf(row) as never;
    }
    throw new TuttiError('CALL_TIMED_OUT', { action: `job ${id} of ${named.queue}` });
  }

  events(queue: Queue, options: JobEventsOptions = {}): AsyncIterableIterator<JobEvent, undefined> {
    return eventsOf({ ...options, store: this.#store, clock: this.#clock, queue: nameOf(queue) });
  }

  cancel(queue: Queue, id: string, reason = 'It was cancelled'): Promise<boolean> {
    return this.#changed('cancel', queue, id, { reason: checkedReason(reason) });
  }

  retry(queue: Queue, id: string): Promise<boolean> {
    return this.#changed('retry', queue, id);
  }

  promote(queue: Queue, id: string): Promise<boolean> {
    return this.#changed('promote', queue, id);
  }

  remove(queue: Queue, id: string): Promise<boolean> {
    return this.#changed('remove', queue, id);
  }

  async pause(queue: Queue): Promise<void> {
    await this.#change('pause', { queue: nameOf(queue), isPaused: true });
  }

  async resume(queue: Queue): Promise<void> {
    await this.#change('pause', { queue: nameOf(queue), isPaused: false });
  }

  async drain(queue: Queue): Promise<number> {
    const input = { queue: nameOf(queue) };
    return this.#untilNone(async () => ((await this.#change('drain', input)) as string[]).length);
  }

  clean(queue: Queue, state: 'done' | 'failed' | 'cancelled', olderThanMs = 0): Promise<number> {
    if (!['done', 'failed', 'cancelled'].includes(state))
      throw invalid(`Jobs that are done, failed or cancelled can be cleaned, not ${shown(state)}`);
    const input = {
      queue: nameOf(queue),
      state,
      olderThanMs: checkedWhole(olderThanMs, 'olderThanMs', longestMs),
    };
    return this.#untilNone(() => this.#change('clean', input) as Promise<number>);
  }

  /** Not those that fail again meanwhile. */
  async redrive(queue: Queue): Promise<number> {
    const input = { queue: nameOf(queue) };
    const { failed } = await this.counts(queue);
    let count = 0;
    for (let last: number = bounds.jobPage; last >= bounds.jobPage && count < failed; count += last)
      last = (await this.#change('redrive', input)) as number;
    return count;
  }

  // eslint-disable-next-line max-params -- as `Jobs.schedule`
  schedule(queue: Queue, name: string, options: ScheduleOptions, input: unknown): Promise<never> {
    return this.#schedules.schedule(queue, name, options, input) as Promise<never>;
  }

  unschedule(queue: Queue, name: string): Promise<boolean> {
    return this.#schedules.unschedule(queue, name);
  }

  schedules(queue: Queue): Promise<readonly never[]> {
    return this.#schedules.schedules(queue) as Promise<readonly never[]>;
  }

  #named(queue: Queue, id: string): { readonly queue: string; readonly id: string } {
    return { queue: nameOf(queue), id: checkedText(id, 'The id of a job') };
  }

  #addAll(queue: string, jobs: readonly JobToAdd[]): Promise<readonly AddedJob[]> {
    const bodies = { of: 'jobs', texts: jobs.map(({ body }) => body) };
    const input = { queue, jobs: jobs.map(({ job }) => job) };
    return this.#store.mutate({ area, name: 'add', input, bodies }) as Promise<readonly AddedJob[]>;
  }

  #ask(name: string, input: object): Promise<unknown> {
    return this.#store.query({ area, name, input });
  }

  #change(name: string, input: object): Promise<unknown> {
    return this.#store.mutate({ area, name, input });
  }

  // eslint-disable-next-line max-params -- what, of which, and more
  async #changed(name: string, queue: Queue, id: string, more: object = {}): Promise<boolean> {
    return (await this.#change(name, { ...this.#named(queue, id), ...more })) !== null;
  }

  /** A change is about a page of them. */
  async #untilNone(change: () => Promise<number>): Promise<number> {
    let count = 0;
    for (let last: number = bounds.jobPage; last >= bounds.jobPage; count += last) last = await change();
    return count;
  }
}

export const makeJobs = (store: StoreClient, clock: Clock): Jobs => new StoredJobs(store, clock) as Jobs;
