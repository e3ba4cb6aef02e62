/**
 * One run of a job: handed to an instance by a call, and told to end when its job is cancelled. Of a worker whose service is isolated the end is waited for
 * whatever becomes of the job, so that nothing is begun behind it. Used by the dispatcher.
 */
import { TuttiError } from '../../core/errors.ts';
import type { InstanceRef } from '../../core/ids.ts';
import type { Isolation, JobNamed } from '../../core/isolation.ts';
import type { Clock } from '../../core/ports.ts';
import type { Log } from '../../define/handling.ts';
import type { QueueManifest } from '../../define/queue.ts';
import type { Caller } from '../../mesh/caller.ts';
import { deliveredText } from '../../mesh/kept-event.ts';
import { abortJobAction, jobAction } from '../../mesh/kept-job.ts';
import type { DeliveredJob, HowJobWent } from '../../mesh/kept-job.ts';
import type { RegistryView } from '../../mesh/registry-view.ts';
import type { ClaimedJob } from '../../stores/job-queue/job-turns.ts';
import { cancelIsolated, freestSlot, lastsMs } from './isolated-runs.ts';

/** The service that does the jobs of a queue, and how it wants them. */
export interface QueueWorker {
  readonly service: string;
  readonly manifest: QueueManifest;
  readonly isolate?: Isolation | undefined;
}

/** A run that the store has not heard the end of. */
export interface Run {
  readonly job: ClaimedJob;
  /** Where it is; undefined: with any instance. */
  readonly slot: number | undefined;
  readonly abort: AbortController;
}

export interface DeliveryNeeds {
  readonly queue: string;
  readonly caller: Caller;
  readonly registry: RegistryView;
  readonly clock: Clock;
  readonly log: Log;
  readonly worker: () => QueueWorker | undefined;
  /** See `SystemRuntime`. */
  readonly tellUnheard: (instance: InstanceRef, job: JobNamed) => void;
}

/** For a run that was taken over to tell its end at least: it may have come in time, while there was nobody to hear it. */
const takeOverMs = 2_000;
/** For an instance to hear that a job was cancelled. */
const abortMs = 5_000;

/** Of an isolated worker: where the next run is begun. */
export function placeOf({ worker, registry }: DeliveryNeeds, runs: Iterable<Run>): number | undefined {
  const { service, isolate } = worker() ?? {};
  if (service === undefined || isolate === undefined) return undefined;
  return freestSlot(registry.service(service)?.instances ?? [], [...runs]);
}

/**
 * @param ranMs of a run that an earlier owner of the store began, and that is taken over.
 * @throws {TuttiError} at once what is known at once.
 */
export function deliver(needs: DeliveryNeeds, run: Run, ranMs: number | undefined): Promise<HowJobWent> {
  const { queue, caller, worker } = needs;
  const { job, slot, abort } = run;
  const wanted = worker();
  if (wanted === undefined) throw new TuttiError('UNKNOWN_ACTION', { action: queue });
  const { service, isolate, manifest } = wanted;
  const { seq, run: number, id, attempts: attempt, priority } = job;
  const about: Omit<DeliveredJob, 'kept'> = { seq, run: number, attempt, id };
  const limitMs = ranMs === undefined ? manifest.timeoutMs : Math.max(takeOverMs, manifest.timeoutMs - ranMs);
  // Its context is in its body.
  const options = { retries: 0, priority, slot, context: { deadline: Infinity } };
  const [said, until] =
    isolate === undefined
      ? [about, { deadlineMs: limitMs, signal: abort.signal }]
      : [{ ...about, limitMs }, { deadlineMs: lastsMs(limitMs, isolate) }];
  return caller.call(service, jobAction(queue), deliveredText(said, job.body), {
    ...options,
    ...until,
  }) as Promise<HowJobWent>;
}

/** Whoever has it is told that its job was cancelled. @param isOver it has ended, or is not waited for any more. */
// eslint-disable-next-line max-params -- of which run, why, until when
export function cancel(needs: DeliveryNeeds, run: Run, reason: string, isOver: () => boolean): void {
  const { queue, caller, registry, worker, log } = needs;
  const { service = '', isolate } = worker() ?? {};
  const { seq, run: number } = run.job;
  const wish = { seq, run: number, reason };
  run.abort.abort();
  if (isolate !== undefined && run.slot !== undefined) {
    const job = { queue, number: seq };
    void cancelIsolated(needs, { service, slot: run.slot, isolate, job, wish, isOver });
    return;
  }
  for (const { slot } of registry.service(service)?.instances ?? [])
    caller.call(service, abortJobAction, wish, { slot, deadlineMs: abortMs }).catch((error: unknown) => {
      log.warn('An instance could not be told that a job was cancelled', { queue, slot, error });
    });
}
