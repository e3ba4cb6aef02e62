/** The queues of an app: one dispatcher for each that has a worker, those who wait for the end of a job, and the numbers of it all. */
import { hash } from 'node:crypto';
import { TuttiError } from '../../core/errors.ts';
import type { ChangeWish, JobChange } from '../../core/job-change.ts';
import type { JobEventRecord, JobEventsWish } from '../../core/job-events.ts';
import type { RunEnds } from '../../core/job-view.ts';
import { parseTarget } from '../../core/ids.ts';
import type { InstanceState } from '../../core/instance-state.ts';
import type { AppStatus } from '../../core/status.ts';
import type { Log } from '../../define/handling.ts';
import { runWithoutContext } from '../../mesh/context.ts';
import type { MetricFamily, SystemRuntime } from '../../mesh/runtime.ts';
import { isEnded } from '../../stores/job-queue/job-table.ts';
import type { JobRow, NamedJob } from '../../stores/job-queue/job-table.ts';
import type { QueueAbout } from '../../stores/job-queue/job-lists.ts';
import type { Changed } from '../../stores/job-queue/job-wishes.ts';
import type { Store } from '../../stores/sqlite/store.ts';
import { Histogram } from '../../telemetry/histogram.ts';
import type { QueueWorker } from './job-delivery.ts';
import { JobDispatcher } from './job-dispatcher.ts';
import { JobFollows } from './job-follows.ts';
import { JobWaiters } from './job-waiters.ts';
import type { WaitEnd } from './job-waiters.ts';
import { ScheduleTicker } from './schedule-ticker.ts';

interface JobDeskNeeds {
  readonly store: Store;
  readonly runtime: SystemRuntime;
  readonly log: Log;
}

class QueueNumbers {
  readonly waits = new Histogram();
  readonly runs = new Histogram();
  readonly ends = { done: 0, failed: 0, again: 0 };
}

export interface EndWish extends NamedJob {
  readonly withinMs: number;
}

export class JobDesk {
  readonly #needs: JobDeskNeeds;
  readonly #ticker: ScheduleTicker;
  readonly #dispatchers = new Map<string, JobDispatcher>();
  readonly #numbers = new Map<string, QueueNumbers>();
  readonly #ends: JobWaiters;
  readonly #changes: JobWaiters;
  readonly #follows: JobFollows;
  readonly #stopListening: readonly (() => void)[];
  /** By queue. */
  #workers: ReadonlyMap<string, QueueWorker> = new Map();

  constructor(needs: JobDeskNeeds) {
    this.#needs = needs;
    const { runtime } = needs;
    this.#ends = new JobWaiters(runtime.clock);
    this.#changes = new JobWaiters(runtime.clock);
    this.#follows = new JobFollows(needs.store, runtime.clock);
    const follow = (): void => {
      this.#follow();
    };
    const wake = (): void => {
      for (const dispatcher of this.#dispatchers.values()) dispatcher.wake();
    };
    this.#stopListening = [runtime.onManifest(follow), runtime.registry.onChange(wake)];
    follow();
    const { store, log } = needs;
    const added = (queue: string): void => this.#dispatchers.get(queue)?.wake();
    this.#ticker = new ScheduleTicker({ store, log, clock: runtime.clock, added });
  }

  /** Something for this queue goes into the next commit. */
  wake(queue: string): void {
    // What is done now is no part of the call that brought it.
    runWithoutContext(() => this.#dispatchers.get(queue)?.wake());
  }

  /** A change that somebody asked for was made. */
  changed(
    name: string,
    { queue, id = '', reason = '' }: Partial<NamedJob> & { readonly reason?: string },
    answer: unknown,
  ): void {
    if (name === 'progress') this.#changes.tell(answer as NamedJob);
    if (queue === undefined || name === 'add') return;
    const dispatcher = this.#dispatchers.get(queue);
    const change = answer as Changed;
    runWithoutContext(() => {
      if (name === 'cancel' && change?.wasRunning === true) dispatcher?.abort(change.seq, reason);
      if (name === 'cancel' || name === 'remove') this.#tellEnd({ queue, id });
      // By a worker that stops, which has nobody to tell it to.
      if (name === 'turn') this.#tellAll(queue);
      if (name === 'drain') for (const one of answer as string[]) this.#tellEnd({ queue, id: one });
      if (name === 'schedule' || name === 'unschedule') this.#ticker.wake();
      dispatcher?.wake();
    });
  }

  /** The job when it has ended; null: not within the time. */
  async end(wish: NamedJob, until: WaitEnd): Promise<JobRow | null> {
    const job = this.#look(wish);
    if (isEnded(job.state)) return job;
    await this.#ends.wait(wish, until);
    const after = this.#look(wish);
    return isEnded(after.state) ? after : null;
  }

  /** The job when it is no longer as it was seen; null: it was not within the time. */
  async change(wish: Omit<ChangeWish, 'withinMs'>, until: WaitEnd): Promise<JobChange | null> {
    const { seen } = wish;
    const now = changeOf(this.#look(wish));
    // Of what has ended nothing more is to come.
    if (now.mark !== seen || isEnded(now.job.state)) return now;
    await this.#changes.wait(wish, until);
    const after = changeOf(this.#look(wish));
    return after.mark === seen ? null : after;
  }

  /** See `JobFollows`. */
  events(wish: Omit<JobEventsWish, 'withinMs'>, until: WaitEnd): Promise<readonly JobEventRecord[]> {
    return this.#follows.events(wish, until);
  }

  #look({ queue, id }: NamedJob): JobRow {
    const query = { area: 'jobs', name: 'get', input: { queue, id } };
    const job = this.#needs.store.query(query) as JobRow | undefined;
    if (job === undefined) throw new TuttiError('NOT_FOUND', { what: `Job ${id} of ${queue}` });
    return job;
  }

  async stop(): Promise<void> {
    for (const stop of this.#stopListening) stop();
    await this.#ticker.stop();
    await Promise.all([...this.#dispatchers.values()].map((dispatcher) => dispatcher.stop()));
    this.#ends.tellAll();
    this.#changes.tellAll();
    this.#follows.stop();
  }

  /** With what only this process knows: how the runs ended that it saw. */
  queues(): (QueueAbout & { readonly ends: RunEnds | null })[] {
    return this.#stored().map((about) => ({ ...about, ends: this.#numbers.get(about.queue)?.ends ?? null }));
  }

  metrics(): MetricFamily[] {
    const queues = this.#stored();
    const each = <T>(of: (queue: string, numbers: QueueNumbers) => T[]): T[] =>
      [...this.#numbers].flatMap(([queue, numbers]) => of(queue, numbers));
    // prettier-ignore
    return [
      { name: 'tutti_jobs', type: 'gauge', help: 'Jobs of a queue, by state.', samples: queues.flatMap(({ queue, counts }) => Object.entries(counts).map(([state, value]) => ({ labels: { queue, state }, value }))) },
      { name: 'tutti_job_events', type: 'gauge', help: 'Events that are kept of a queue, for who follows it.', samples: [...this.#follows.sizes()].map(([queue, value]) => ({ labels: { queue }, value })) },
      { name: 'tutti_job_runs_total', type: 'counter', help: 'Runs of jobs that ended, by how.', samples: each((queue, { ends }) => Object.entries(ends).map(([end, value]) => ({ labels: { queue, end }, value }))) },
      { name: 'tutti_job_wait_seconds', type: 'histogram', help: 'From when a job was added or due until it was begun.', samples: each((queue, { waits }) => waits.samples({ queue })) },
      { name: 'tutti_job_run_seconds', type: 'histogram', help: 'How long a run took.', samples: each((queue, { runs }) => runs.samples({ queue })) },
    ];
  }

  #stored(): QueueAbout[] {
    return this.#needs.store.query({ area: 'jobs', name: 'queues' }) as QueueAbout[];
  }

  /** One that was there stays: a worker that is gone may come back, and its jobs wait for it. */
  #follow(): void {
    const { runtime, store, log } = this.#needs;
    this.#workers = new Map(
      Object.values(runtime.manifest().services).flatMap(({ name: service, queues = {}, isolate }) =>
        Object.entries(queues).map(
          ([queue, { manifest }]) => [queue, { service, manifest, isolate }] as const,
        ),
      ),
    );
    for (const [queue, { manifest }] of this.#workers) {
      const keep = JSON.stringify(manifest.keep);
      store.mutate({ area: 'jobs', name: 'keep', input: { queue, keep } }).catch((error: unknown) => {
        log.warn('How long jobs are kept could not be noted', { queue, error });
      });
      if (!this.#dispatchers.has(queue)) this.#dispatchers.set(queue, this.#dispatcher(queue));
      this.#dispatchers.get(queue)?.wake();
    }
  }

  #dispatcher(queue: string): JobDispatcher {
    const { runtime, store, log } = this.#needs;
    const { caller, registry, clock, random } = runtime;
    const numbers = new QueueNumbers();
    this.#numbers.set(queue, numbers);
    return new JobDispatcher({
      ...{ queue, store, caller, registry, clock, random, log },
      worker: () => this.#workers.get(queue),
      tellUnheard: (instance, job) => {
        runtime.tellUnheard(instance, job);
      },
      living: (service) => livingSlots(runtime.status(), service),
      waited: (ms) => {
        numbers.waits.observe(ms);
      },
      ran: (end, tookMs) => {
        numbers.ends[end] += 1;
        numbers.runs.observe(tookMs);
      },
      changed: (id) => {
        this.#changes.tell({ queue, id });
      },
      ended: (id) => {
        this.#tellEnd({ queue, id });
      },
    });
  }

  /** Who is told too early asks again. */
  #tellAll(queue: string): void {
    this.#ends.tellAll(queue);
    this.#changes.tellAll(queue);
  }

  #tellEnd(job: NamedJob): void {
    this.#ends.tell(job);
    this.#changes.tell(job);
  }
}

const noInput = JSON.stringify({ payload: null, context: {} });

function changeOf(job: JobRow): JobChange {
  const { seq, state, run, attempts, progress, reason } = job;
  const mark = hash('sha1', JSON.stringify([seq, state, run, attempts, progress, reason]), 'base64url');
  return { job: { ...job, body: noInput }, mark };
}

/** One that stops may still be at work on what nobody else should begin. */
const livingStates: ReadonlySet<string> = new Set<InstanceState>([
  'ready',
  'unready',
  'draining',
  'stopping',
]);

function livingSlots(status: AppStatus | undefined, service: string): readonly number[] | undefined {
  const instances = status?.services.find(({ name }) => name === service)?.instances;
  return instances
    ?.filter(({ state }) => livingStates.has(state))
    .map(({ slot }) => parseTarget(slot)?.slot ?? 0);
}
