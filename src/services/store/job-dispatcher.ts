/**
 * Has the jobs of one queue done: claims as many as its workers have room for, hands each to one of them by a call, and writes down how it went. A worker that dies
 * ends its calls, so its jobs are begun again at once; what an owner of the store had in hand when it died, its successor finds with the workers.
 */
import { bounds } from '../../core/bounds.ts';
import { isTuttiError, TuttiError } from '../../core/errors.ts';
import type { Clock, Random, Timer } from '../../core/ports.ts';
import type { Log } from '../../define/handling.ts';
import type { QueueManifest } from '../../define/queue.ts';
import { jobDelay } from '../../define/queue.ts';
import type { Caller } from '../../mesh/caller.ts';
import { readKept } from '../../mesh/kept-event.ts';
import { jobAction } from '../../mesh/kept-job.ts';
import type { DeliveredJob, HowJobWent } from '../../mesh/kept-job.ts';
import type { RegistryView } from '../../mesh/registry-view.ts';
import type { ClaimInput, ClaimOutput, ClaimedJob, SettleInput } from '../../stores/job-queue/jobs-area.ts';
import type { Store } from '../../stores/sqlite/store.ts';
import { findHeldRuns } from './held-runs.ts';
import { askAgainMs, notTried, readAgainMs } from './not-tried.ts';
import { settle } from './settle.ts';

export interface JobDispatcherNeeds {
  readonly queue: string;
  readonly store: Store;
  readonly caller: Caller;
  readonly registry: RegistryView;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** The service that has its worker, and how that wants it; undefined: there is none, or not any more. */
  readonly worker: () => { readonly service: string; readonly manifest: QueueManifest } | undefined;
  /** A run came to its end, and that is written. */
  readonly ran: (end: 'done' | 'failed' | 'again', tookMs: number) => void;
  /** A job was begun for the first time, so long after it was added or due. */
  readonly waited: (ms: number) => void;
  /** A job came to its end. */
  readonly ended: (id: string) => void;
}

/** As it lies in the store. */
type ClaimedRow = Omit<ClaimedJob, 'waitedMs'>;

/** A run that the store has not heard the end of. */
interface Run {
  readonly job: ClaimedRow;
  readonly abort: AbortController;
}

type Ending =
  | { readonly end: 'done'; readonly result: string }
  | { readonly end: 'failed' | 'again'; readonly reason: string; readonly afterMs: number }
  | { readonly end: 'back'; readonly afterMs: number };

export class JobDispatcher {
  readonly #needs: JobDispatcherNeeds;
  readonly #runs = new Map<number, Run>();
  readonly #stopped = Promise.withResolvers<undefined>();
  /** Ends that are being written down. */
  #settling = 0;
  #mayHaveMore = true;
  /** One at a time; at first one looks for what an earlier owner had in hand. */
  #isClaiming = true;
  #timer: Timer | undefined;
  #isStopping = false;

  constructor(needs: JobDispatcherNeeds) {
    this.#needs = needs;
    void this.#recover();
  }

  get running(): number {
    return this.#runs.size;
  }

  /** Something was added, or a worker has come. */
  wake(): void {
    this.#mayHaveMore = true;
    this.#go();
  }

  /** It was cancelled: whoever runs it is told. */
  abort(seq: number, reason: string): void {
    this.#runs.get(seq)?.abort.abort(new TuttiError('CANCELLED', { message: reason }));
  }

  /** Begins nothing new; resolves when what runs has ended. */
  stop(): Promise<undefined> {
    this.#isStopping = true;
    this.#timer?.cancel();
    this.#resolveWhenIdle();
    return this.#stopped.promise;
  }

  /** What runs since before this process began goes on where it is; what nobody has in hand was lost with its worker. */
  async #recover(): Promise<void> {
    const { store, queue } = this.#needs;
    try {
      const jobs = store.query({ area: 'jobs', name: 'running', input: { queue } }) as ClaimedRow[];
      const held = await findHeldRuns(this.#needs, jobs);
      for (const job of jobs) {
        const slot = held.get(job.seq);
        if (slot === undefined)
          void this.#end(job, this.#failed(job, 'INSTANCE_LOST: nobody runs it any more'));
        else void this.#run(job, slot);
      }
    } catch (error) {
      this.#cannotRead(error);
    } finally {
      this.#isClaiming = false;
      this.#go();
    }
  }

  #cannotRead(error: unknown): void {
    const { log, queue, clock } = this.#needs;
    if (this.#isStopping) return;
    log.error('Jobs cannot be read', { queue, error });
    this.#timer = clock.after(readAgainMs, () => {
      this.wake();
    });
  }

  /** As many at once as its workers take together; none: nobody is asked. */
  #capacity(): number {
    const worker = this.#needs.worker();
    if (worker === undefined) return 0;
    const { concurrency, limit = Infinity } = worker.manifest;
    const instances = this.#needs.registry.service(worker.service)?.instances.length ?? 0;
    return Math.min(bounds.jobsAtOnce, limit, instances * concurrency);
  }

  #go(): void {
    const room = this.#capacity() - this.#runs.size;
    if (this.#isStopping || this.#isClaiming || !this.#mayHaveMore || room <= 0) return;
    void this.#claim(room);
  }

  async #claim(limit: number): Promise<void> {
    const { store, queue, clock, worker, waited } = this.#needs;
    this.#timer?.cancel();
    this.#isClaiming = true;
    this.#mayHaveMore = false;
    try {
      const rate = worker()?.manifest.rateLimit;
      const input: ClaimInput = { queue, limit, ...(rate && { rate }) };
      const { jobs, moreInMs } = (await store.mutate({ area: 'jobs', name: 'claim', input })) as ClaimOutput;
      if (jobs.length === limit) this.#mayHaveMore = true;
      else if (moreInMs !== undefined)
        this.#timer = clock.after(moreInMs, () => {
          this.wake();
        });
      for (const job of jobs) {
        if (job.attempts === 1) waited(job.waitedMs);
        void this.#run(job);
      }
    } catch (error) {
      this.#cannotRead(error);
    } finally {
      this.#isClaiming = false;
      this.#resolveWhenIdle();
      this.#go();
    }
  }

  /** @param slot of the instance that has it in hand already. */
  async #run(job: ClaimedRow, slot?: number): Promise<void> {
    const run = { job, abort: new AbortController() };
    this.#runs.set(job.seq, run);
    const ending = await this.#outcome(run, slot);
    // The next claim goes into the commit that writes this end.
    this.#runs.delete(job.seq);
    await this.#end(job, ending);
  }

  async #end(job: ClaimedRow, ending: Ending): Promise<void> {
    const { queue, ran, ended } = this.#needs;
    const { seq, attempts: attempt, id } = job;
    this.#settling += 1;
    this.#go();
    const input = { seq, attempt, ...ending } as SettleInput;
    const isWritten = await settle(this.#needs, { area: 'jobs', name: 'settle', input }, { queue, id });
    this.#settling -= 1;
    if (isWritten === true && ending.end !== 'back') ran(ending.end, this.#since(job));
    if (isWritten === true && (ending.end === 'done' || ending.end === 'failed')) ended(id);
    this.#resolveWhenIdle();
    if (ending.end === 'again' || ending.end === 'back') this.wake();
  }

  #since({ started }: ClaimedRow): number {
    return Math.max(0, this.#needs.store.now() - started);
  }

  async #outcome(run: Run, slot: number | undefined): Promise<Ending> {
    const { job, abort } = run;
    try {
      const went = await this.#call(run, slot);
      if ('result' in went) return { end: 'done', result: went.result };
      return this.#failed(job, went.failed, went.isFinal);
    } catch (error) {
      if (!isTuttiError(error)) return this.#failed(job, String(error));
      // That it was cancelled is written already: this changes nothing.
      if (abort.signal.aborted) return { end: 'back', afterMs: 0 };
      if (notTried.has(error.code)) return { end: 'back', afterMs: askAgainMs };
      return this.#failed(job, `${error.code}: ${error.message}`);
    }
  }

  async #call({ job, abort: { signal } }: Run, slot: number | undefined): Promise<HowJobWent> {
    const { seq, id, queue, body, attempts: attempt, priority } = job;
    const worker = this.#needs.worker();
    if (worker === undefined) throw new TuttiError('UNKNOWN_ACTION', { action: queue });
    const { payload, context } = readKept(body);
    const delivered: DeliveredJob = { seq, attempt, id, payload };
    const deadlineMs = Math.max(1, worker.manifest.timeoutMs - (slot === undefined ? 0 : this.#since(job)));
    const answer = await this.#needs.caller.call(worker.service, jobAction(queue), delivered, {
      ...{ deadlineMs, retries: 0, priority, signal, slot },
      context: { ...context, deadline: Infinity },
    });
    return answer as HowJobWent;
  }

  #failed(job: ClaimedRow, reason: string, isFinal = false): Ending {
    const { log, queue, random, worker } = this.#needs;
    const manifest = worker()?.manifest;
    const { id, attempts } = job;
    const { requestId } = readKept(job.body).context;
    const about = { queue, id, requestId, attempts, reason };
    if (isFinal || (manifest !== undefined && attempts >= manifest.attempts)) {
      log.error('A job has failed', about);
      return { end: 'failed', reason, afterMs: 0 };
    }
    const afterMs = manifest === undefined ? 0 : jobDelay(manifest, attempts, random);
    log.warn('A job was not done, and is begun again', { ...about, afterMs });
    return { end: 'again', reason, afterMs };
  }

  #resolveWhenIdle(): void {
    if (this.#isStopping && !this.#isClaiming && this.#runs.size === 0 && this.#settling === 0)
      this.#stopped.resolve(undefined);
  }
}
