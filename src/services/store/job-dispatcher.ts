/**
 * Has the jobs of one queue done: claims as many as its workers have room for, hands each to one of them by a call, and writes down how it went. A worker that dies
 * ends its calls, so its jobs are begun again at once; what an owner of the store had in hand when it died, its successor finds with the workers.
 */
import { bounds } from '../../core/bounds.ts';
import { isTuttiError } from '../../core/errors.ts';
import { keptRequest } from '../../core/kept-context.ts';
import type { Random, Timer } from '../../core/ports.ts';
import { jobDelay } from '../../define/queue.ts';
import { readKept } from '../../mesh/kept-event.ts';
import type { ClaimedJob, TurnInput, TurnOutput } from '../../stores/job-queue/job-turns.ts';
import type { Store } from '../../stores/sqlite/store.ts';
import { findHeldRuns } from './held-runs.ts';
import { cancel, deliver, placeOf } from './job-delivery.ts';
import type { DeliveryNeeds, Run } from './job-delivery.ts';
import { askAgainMs, notTried } from './not-tried.ts';

export interface JobDispatcherNeeds extends DeliveryNeeds {
  readonly store: Store;
  readonly random: Random;
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

type Ending =
  | { readonly end: 'done'; readonly result: string }
  | { readonly end: 'failed' | 'again'; readonly reason: string; readonly afterMs: number }
  | { readonly end: 'back'; readonly afterMs: number };

/** One that is still to be written down. */
interface Ended {
  readonly job: ClaimedJob;
  readonly ending: Ending;
}

/** Until a turn that came to nothing is made once more. */
const againMs = 500;

/** That it was cancelled is written already: this changes nothing. */
const noEnd: Ending = { end: 'back', afterMs: 0 };
const overdueText = 'CALL_TIMED_OUT: it ran on after its time was over, and its process has ended';

export class JobDispatcher {
  readonly #needs: JobDispatcherNeeds;
  readonly #runs = new Set<Run>();
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
    // Of an isolated one that was cancelled before, and begun once more, an earlier run may still be there.
    const run = [...this.#runs].find(({ job, abort: { signal } }) => job.seq === seq && !signal.aborted);
    if (run === undefined) return;
    cancel(this.#needs, run, reason, () => this.#hasEnded || !this.#runs.has(run));
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
      const running = (): ClaimedJob[] =>
        store.query({ area: 'jobs', name: 'running', input: { queue } }) as ClaimedJob[];
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
    if (this.#ends.length > 0 || (this.#mayHaveMore && this.#room() > 0)) void this.#turn();
    else if (this.#isStopping) this.#end();
  }

  #room(): number {
    return this.#isStopping ? 0 : this.#capacity() - this.#runs.size;
  }

  #end(): void {
    this.#hasEnded = true;
    this.#timer?.cancel();
    this.#stopped.resolve(undefined);
  }

  /** Writes down what has ended by the time of its commit, and begins as many as there is room for by then. What comes meanwhile is for the next one. */
  async #turn(): Promise<void> {
    const { store, queue, log } = this.#needs;
    const isClaiming = this.#mayHaveMore;
    // What is added from now on may come behind it in the commit.
    this.#mayHaveMore = false;
    this.#isTurning = true;
    let ends: Ended[] = [];
    let room = 0;
    const input = (): TurnInput => {
      ends = this.#ends;
      this.#ends = [];
      room = isClaiming ? this.#room() : 0;
      this.#mayHaveMore ||= isClaiming && room <= 0;
      return this.#input(ends, room);
    };
    try {
      const turned = (await store.mutateLate({ area: 'jobs', name: 'turn', input })) as TurnOutput;
      this.#tell(ends, turned.counts);
      for (const seq of turned.damaged)
        log.error('A job has failed, since its row in the store is damaged', { queue, seq });
      if (room > 0) this.#begin(room, turned);
      this.#isTurning = false;
      this.#go();
    } catch (error) {
      this.#ends.unshift(...ends);
      this.#cannotTurn(error);
    }
  }

  #input(ends: readonly Ended[], room: number): TurnInput {
    const { queue, worker } = this.#needs;
    const rate = worker()?.manifest.rateLimit;
    return {
      queue,
      ends: ends.map(({ job, ending }) => ({ seq: job.seq, run: job.run, row: job, ...ending })),
      ...(room > 0 && { claim: { limit: room, ...(rate && { rate }) } }),
    };
  }

  #begin(room: number, { jobs, moreInMs }: TurnOutput): void {
    if (jobs.length === room) this.#mayHaveMore = true;
    this.#timer?.cancel();
    if (moreInMs !== undefined)
      this.#timer = this.#needs.clock.after(moreInMs, () => {
        this.wake();
      });
    for (const job of jobs) {
      // For its turn: since it was added, or due.
      if (job.attempts === 1) this.#needs.waited(job.started - Math.max(job.added, job.due));
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
  async #run(job: ClaimedJob, slot?: number): Promise<void> {
    const run = { job, slot: slot ?? placeOf(this.#needs, this.#runs), abort: new AbortController() };
    this.#runs.add(run);
    const ending = await this.#outcome(run, slot !== undefined);
    this.#runs.delete(run);
    // The call was taken back since we stop: nobody knows the end of the run yet.
    if (this.#hasEnded) return;
    this.#ends.push({ job, ending });
    this.#go();
  }

  #since({ started }: ClaimedJob): number {
    return Math.max(0, this.#needs.store.now() - started);
  }

  async #outcome(run: Run, isTakenOver: boolean): Promise<Ending> {
    const { job, abort } = run;
    try {
      const went = await deliver(this.#needs, run, isTakenOver ? this.#since(job) : undefined);
      if (abort.signal.aborted) return noEnd;
      if ('result' in went) return { end: 'done', result: went.result };
      return this.#failed(job, went.failed, went.isFinal);
    } catch (error) {
      if (!isTuttiError(error)) return this.#failed(job, String(error));
      if (abort.signal.aborted) return noEnd;
      if (notTried.has(error.code)) return { end: 'back', afterMs: askAgainMs };
      return this.#failed(job, this.#isOverdue(job) ? overdueText : `${error.code}: ${error.message}`);
    }
  }

  /** Of an isolated worker: it had had its time when its process was ended. */
  #isOverdue(job: ClaimedJob): boolean {
    const { isolate, manifest } = this.#needs.worker() ?? {};
    return isolate !== undefined && this.#since(job) >= (manifest?.timeoutMs ?? Infinity);
  }

  #failed(job: ClaimedJob, reason: string, isFinal = false): Ending {
    const { log, queue, random, worker } = this.#needs;
    const manifest = worker()?.manifest;
    const { id, attempts } = job;
    const requestId = keptRequest(readKept(job.body).context);
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
