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
import { abortJobAction, jobAction } from '../../mesh/kept-job.ts';
import type { DeliveredJob, HowJobWent } from '../../mesh/kept-job.ts';
import type { RegistryView } from '../../mesh/registry-view.ts';
import { bytesOf } from '../../stores/job-queue/job-turns.ts';
import type { ClaimedJob, TurnInput, TurnOutput } from '../../stores/job-queue/job-turns.ts';
import type { Store } from '../../stores/sqlite/store.ts';
import { findHeldRuns } from './held-runs.ts';
import { askAgainMs, notTried } from './not-tried.ts';

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
  /** See `held-runs.ts`. */
  readonly living: (service: string) => readonly number[] | undefined;
  /** A run came to its end, and that is written. */
  readonly ran: (end: 'done' | 'failed' | 'again', tookMs: number) => void;
  /** A job was begun for the first time, so long after it was added or due. */
  readonly waited: (ms: number) => void;
  /** A job was begun, or is to be begun once more. */
  readonly changed: (id: string) => void;
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

/** One that is still to be written down. */
interface Ended {
  readonly job: ClaimedRow;
  readonly ending: Ending;
}

/** For a run that was taken over to tell its end at least: it may have come in time, while there was nobody to hear it. */
const takeOverMs = 2_000;
/** For an instance to hear that a job was cancelled. */
const abortMs = 5_000;
/** Until a turn that came to nothing is made once more. */
const againMs = 500;

export class JobDispatcher {
  readonly #needs: JobDispatcherNeeds;
  readonly #runs = new Map<number, Run>();
  readonly #stopped = Promise.withResolvers<undefined>();
  /** Bounded by what may run at once. */
  #ends: Ended[] = [];
  #mayHaveMore = true;
  /** One change of the store at a time; before the first one looks for what an earlier owner had in hand. */
  #isTurning = true;
  /** When there may be more, or a turn is made once more. */
  #timer: Timer | undefined;
  #isStopping = false;
  #hasEnded = false;
  #isRecovering = true;

  constructor(needs: JobDispatcherNeeds) {
    this.#needs = needs;
    void this.#recover();
  }

  /** Something was added, or a worker has come. */
  wake(): void {
    this.#mayHaveMore = true;
    this.#go();
  }

  /** It was cancelled: whoever runs it is told. */
  abort(seq: number, reason: string): void {
    const run = this.#runs.get(seq);
    if (run === undefined) return;
    run.abort.abort();
    const { caller, registry, worker, log, queue } = this.#needs;
    const service = worker()?.service ?? '';
    const wish = { seq, run: run.job.run, reason };
    for (const { slot } of registry.service(service)?.instances ?? [])
      caller.call(service, abortJobAction, wish, { slot, deadlineMs: abortMs }).catch((error: unknown) => {
        log.warn('An instance could not be told that a job was cancelled', { queue, slot, error });
      });
  }

  /** Begins nothing new; resolves when what has ended is written. What runs goes on without us, and the next owner takes it over. */
  stop(): Promise<undefined> {
    this.#isStopping = true;
    // Who still looks for runs has begun none, and leaves all of it to the next owner.
    if (this.#isRecovering) this.#end();
    else this.#go();
    return this.#stopped.promise;
  }

  /** What runs since before this process began goes on where it is; what nobody has in hand was lost with its worker. */
  async #recover(): Promise<void> {
    const { store, queue } = this.#needs;
    try {
      const running = (): ClaimedRow[] =>
        store.query({ area: 'jobs', name: 'running', input: { queue } }) as ClaimedRow[];
      const held = await findHeldRuns(this.#needs, running());
      if (this.#hasEnded) return;
      this.#isRecovering = false;
      // Not those whose end was told meanwhile, by a worker that stops.
      for (const job of running()) {
        const slot = held.get(job.seq);
        if (slot === undefined)
          this.#ends.push({ job, ending: this.#failed(job, 'INSTANCE_LOST: nobody runs it any more') });
        else void this.#run(job, slot);
      }
    } catch (error) {
      this.#isRecovering = false;
      this.#cannotTurn(error);
      return;
    }
    this.#isTurning = false;
    this.#go();
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
    if (this.#isTurning) return;
    const isClaiming = this.#mayHaveMore && !this.#isStopping;
    const room = isClaiming ? this.#capacity() - this.#runs.size : 0;
    if (this.#ends.length > 0 || room > 0) void this.#turn(room);
    else if (this.#isStopping) this.#end();
  }

  #end(): void {
    this.#hasEnded = true;
    this.#timer?.cancel();
    this.#stopped.resolve(undefined);
  }

  /** Writes down what has ended, and begins as many as there is room for. What comes meanwhile is for the next one. */
  async #turn(room: number): Promise<void> {
    const { store, queue, worker } = this.#needs;
    const ends = this.#ends;
    const rate = worker()?.manifest.rateLimit;
    const input: TurnInput = {
      queue,
      ends: ends.map(({ job, ending }) => ({ seq: job.seq, run: job.run, row: job, ...ending })),
      ...(room > 0 && { claim: { limit: room, ...(rate && { rate }) } }),
    };
    this.#ends = [];
    this.#isTurning = true;
    if (room > 0) this.#mayHaveMore = false;
    try {
      const request = { area: 'jobs', name: 'turn', input, bytes: bytesOf(input.ends) };
      const turned = (await store.mutate(request)) as TurnOutput;
      this.#tell(ends, turned.counts);
      for (const seq of turned.damaged)
        this.#needs.log.error('A job has failed, since its row in the store is damaged', { queue, seq });
      if (room > 0) this.#begin(room, turned);
      this.#isTurning = false;
      this.#go();
    } catch (error) {
      this.#ends.unshift(...ends);
      this.#cannotTurn(error);
    }
  }

  #begin(room: number, { jobs, moreInMs }: TurnOutput): void {
    if (jobs.length === room) this.#mayHaveMore = true;
    this.#timer?.cancel();
    if (moreInMs !== undefined)
      this.#timer = this.#needs.clock.after(moreInMs, () => {
        this.wake();
      });
    for (const job of jobs) {
      if (job.attempts === 1) this.#needs.waited(job.waitedMs);
      this.#needs.changed(job.id);
      void this.#run(job);
    }
  }

  #tell(ends: readonly Ended[], counts: readonly boolean[]): void {
    const { ran, ended, changed } = this.#needs;
    for (const [index, { job, ending }] of ends.entries()) {
      if (counts[index] !== true) continue;
      if (ending.end !== 'back') ran(ending.end, this.#since(job));
      if (ending.end === 'done' || ending.end === 'failed') ended(job.id);
      else {
        changed(job.id);
        // It may be due before all others that were seen.
        this.#mayHaveMore = true;
      }
    }
  }

  /** When the store is gone, whoever comes after us finds all of it there. */
  #cannotTurn(error: unknown): void {
    const { log, queue, clock, store } = this.#needs;
    if (isTuttiError(error, 'STORE_CLOSED') || store.failure !== undefined) {
      this.#end();
      return;
    }
    log.error('The store takes no turn of a queue now', { queue, error });
    this.#timer?.cancel();
    this.#timer = clock.after(againMs, () => {
      this.#isTurning = false;
      this.wake();
    });
  }

  /** @param slot of the instance that has it in hand already. */
  async #run(job: ClaimedRow, slot?: number): Promise<void> {
    const run = { job, abort: new AbortController() };
    this.#runs.set(job.seq, run);
    const ending = await this.#outcome(run, slot);
    this.#runs.delete(job.seq);
    // The call was taken back since we stop: nobody knows the end of the run yet.
    if (this.#hasEnded) return;
    this.#ends.push({ job, ending });
    this.#go();
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
    const { seq, run, id, queue, body, attempts: attempt, priority } = job;
    const worker = this.#needs.worker();
    if (worker === undefined) throw new TuttiError('UNKNOWN_ACTION', { action: queue });
    const { payload, context } = readKept(body);
    const delivered: DeliveredJob = { seq, run, attempt, id, payload };
    const { timeoutMs } = worker.manifest;
    const deadlineMs = slot === undefined ? timeoutMs : Math.max(takeOverMs, timeoutMs - this.#since(job));
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
}
