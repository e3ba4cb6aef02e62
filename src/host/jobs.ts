/** `jobs`: asks the store of the app about work that is to be done. What is added is held against the schema of its queue before it leaves. */
import { bounds } from '../core/bounds.ts';
import { TuttiError } from '../core/errors.ts';
import { isName } from '../core/ids.ts';
import { shown } from '../core/options.ts';
import type { Clock } from '../core/ports.ts';
import { defaultPriority, isPriority } from '../core/waiting-line.ts';
import type {
  AddedJob,
  Job,
  JobCounts,
  JobListOptions,
  JobLogLine,
  JobOptions,
  Jobs,
} from '../define/jobs.ts';
import type { Queue } from '../define/queue.ts';
import { inputIssues } from '../define/schema.ts';
import { currentContext } from '../mesh/context.ts';
import { readKept, writeKept } from '../mesh/kept-event.ts';
import type { StoreClient } from '../mesh/store-client.ts';

const area = 'jobs';
/** How long the end of a job is waited for in one question. */
const sliceMs = 20_000;
const defaultPage = 100;

/** As the store has it; see `stores/job-queue/job-table`. */
interface JobRow {
  readonly queue: string;
  readonly id: string;
  readonly state: number;
  readonly priority: number;
  readonly due: number;
  readonly attempts: number;
  readonly added: number;
  readonly started: number | null;
  readonly ended: number | null;
  readonly body: string;
  readonly result: string | null;
  readonly reason: string | null;
  readonly progress: string | null;
}

const stateNames = ['pending', 'pending', 'running', 'done', 'failed', 'cancelled'] as const;
const delayedState = 1;

const dateOf = (at: number | null): Date | undefined => (at === null ? undefined : new Date(at));
const valueOf = (json: string | null): unknown => (json === null ? undefined : (JSON.parse(json) as unknown));

const jobOf = (row: JobRow): Job => ({
  id: row.id,
  queue: row.queue,
  state: stateNames[row.state] ?? 'pending',
  input: readKept(row.body).payload,
  priority: row.priority,
  attempts: row.attempts,
  progress: valueOf(row.progress),
  result: valueOf(row.result),
  // The first line: what follows is a stack, for who runs the app.
  reason: row.reason?.split('\n', 1)[0],
  addedAt: new Date(row.added),
  dueAt: row.state === delayedState ? new Date(row.due) : undefined,
  startedAt: dateOf(row.started),
  endedAt: dateOf(row.ended),
});

const invalid = (message: string): TuttiError => new TuttiError('INVALID_INPUT', { message });

/** JavaScript gives what it likes. */
function nameOf(queue: Queue): string {
  const { kind, name } = queue as { readonly kind: unknown; readonly name: unknown };
  if (kind === 'queue' && typeof name === 'string' && isName(name)) return name;
  throw invalid(`Expected a queue, as defineQueue() gives it, got ${shown(queue)}`);
}

function checkedText(text: unknown, what: string): string {
  const isFit =
    typeof text === 'string' && text !== '' && text.length <= bounds.jobIdChars && text.isWellFormed();
  if (isFit && !text.includes('\0')) return text;
  throw invalid(`${what} is a text of 1 to ${String(bounds.jobIdChars)} characters`);
}

/** Digits alone are ours: the number of a job that has no name. */
function checkedId(id: unknown): string {
  const text = checkedText(id, 'A jobId');
  if (!/^\d+$/.test(text)) return text;
  throw invalid(
    `A jobId is not all digits, since jobs without one are numbered: try "job-${text.slice(0, 20)}"`,
  );
}

function checkedReason(reason: unknown): string {
  if (typeof reason === 'string' && reason.isWellFormed()) return reason;
  throw invalid('The reason of a cancellation is a text');
}

function checkedWhole(value: unknown, what: string, most: number): number {
  if (Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= most)
    return value as number;
  throw invalid(`${what} is a whole number from 0 to ${String(most)}, not ${shown(value)}`);
}

/** Longest time that something is put off for: a hundred years. */
const longestMs = 3_155_760_000_000;

function optionsOf({
  jobId,
  priority = defaultPriority,
  delayMs,
  runAt,
  lifo,
  deduplication,
}: JobOptions): object {
  if (!isPriority(priority)) throw invalid('priority is a whole number from 0 to 9');
  if (delayMs !== undefined && runAt !== undefined) throw invalid('A job has a delayMs or a runAt, not both');
  if (runAt !== undefined && !(runAt instanceof Date && Number.isFinite(runAt.getTime())))
    throw invalid('runAt is a Date');
  return {
    ...{ id: jobId === undefined ? null : checkedId(jobId), priority, lifo: lifo === true },
    ...(delayMs === undefined ? {} : { delayMs: checkedWhole(delayMs, 'delayMs', longestMs) }),
    ...(runAt === undefined ? {} : { runAt: runAt.getTime() }),
    ...(deduplication === undefined ? {} : { dedup: dedupOf(deduplication) }),
  };
}

function dedupOf({ id, ttlMs }: NonNullable<JobOptions['deduplication']>): object {
  const ttl = ttlMs === undefined ? {} : { ttlMs: checkedWhole(ttlMs, 'deduplication.ttlMs', longestMs) };
  return { id: checkedText(id, 'deduplication.id'), ...ttl };
}

/** As it was given: it is held against the schema once more when it runs. */
async function bodyOf(queue: Queue, input: unknown): Promise<string> {
  const { issues } = await queue.input['~standard'].validate(input);
  if (issues !== undefined) {
    const message = `The input does not fit the schema of the queue ${queue.name}`;
    throw new TuttiError('INVALID_INPUT', { message, issues: inputIssues(issues) });
  }
  const limit = { what: `The input of a job of ${queue.name}`, limitBytes: bounds.jobInputBytes };
  return writeKept(input, currentContext(), limit);
}

class StoredJobs implements Jobs {
  readonly #store: StoreClient;
  readonly #clock: Clock;

  constructor(store: StoreClient, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  async add(queue: Queue, input: unknown, options: JobOptions = {}): Promise<AddedJob> {
    const [added] = await this.addMany(queue, [{ ...options, input }]);
    return added as AddedJob;
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
    const rows = await Promise.all(
      jobs.map(async ({ input, ...options }) => ({
        ...optionsOf(options),
        body: await bodyOf(queue, input),
      })),
    );
    return (await this.#change('add', { queue: name, jobs: rows })) as AddedJob[];
  }

  async get(queue: Queue, id: string): Promise<never> {
    const row = (await this.#ask('get', this.#named(queue, id))) as JobRow | undefined | null;
    return (row ? jobOf(row) : undefined) as never;
  }

  async list(
    queue: Queue,
    { state, limit = defaultPage, after, afterId }: JobListOptions = {},
  ): Promise<{ jobs: never[]; next: string | undefined }> {
    if (state !== undefined && !stateNames.includes(state))
      throw invalid(`A job is pending, running, done, failed or cancelled, not ${shown(state)}`);
    if (!Number.isInteger(limit) || limit < 1 || limit > bounds.jobPage)
      throw invalid(`limit is a whole number from 1 to ${String(bounds.jobPage)}`);
    if (after !== undefined && afterId !== undefined) throw invalid('A page has an after or an afterId');
    const page = await this.#ask('list', { queue: nameOf(queue), state, limit, after, afterId });
    const { jobs, next } = page as { jobs: JobRow[]; next?: string };
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
      const row = (await this.#store.wait(
        { area, name: 'end', input: { ...named, withinMs } },
        leftMs + bounds.storeMs,
      )) as JobRow | null;
      if (row !== null) return jobOf(row) as never;
    }
    throw new TuttiError('CALL_TIMED_OUT', { action: `job ${id} of ${named.queue}` });
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

  #named(queue: Queue, id: string): { readonly queue: string; readonly id: string } {
    return { queue: nameOf(queue), id: checkedText(id, 'The id of a job') };
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
