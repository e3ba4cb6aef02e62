/**
 * Runs jobs, one call each, from the store alone. A run goes on when the owner of the store dies under it: its end is kept until the next owner asks for it. It ends
 * early when the job is cancelled, has had its time, or the instance has no more time itself.
 */
import { bounds } from '../core/bounds.ts';
import { isTuttiError, TuttiError } from '../core/errors.ts';
import { instanceId, isSystemService } from '../core/ids.ts';
import { shown } from '../core/options.ts';
import { inputIssues } from '../define/schema.ts';
import type { SchemaResult } from '../define/schema.ts';
import type { WorkerDefinition } from '../define/queue.ts';
import { runWithContext } from '../mesh/context.ts';
import { abortJobAction, heldJobsAction, jobAction } from '../mesh/kept-job.ts';
import type { DeliveredJob, HowJobWent, JobRun } from '../mesh/kept-job.ts';
import type { ResponderAction } from '../mesh/responder.ts';
import type { IncomingCall } from '../mesh/served-call.ts';
import type { StoreClient } from '../mesh/store-client.ts';
import { observed } from './actions.ts';
import type { Serving } from './actions.ts';
import { JobHandling } from './job-handling.ts';
import type { JobRuns, RunDeeds } from './job-runs.ts';
import { afterwards, validator } from './validate.ts';

/** It has failed, and another attempt would not go better. */
class GaveUp extends Error {
  override readonly name = 'GaveUp';
}

interface Runner {
  readonly queue: string;
  readonly worker: WorkerDefinition;
  readonly serving: Serving;
  readonly store: StoreClient;
  readonly runs: JobRuns;
}

/** Of what the handler gives. */
function outputCheck({ queue, worker }: Runner): (result: unknown) => unknown {
  const { output } = worker.queue;
  if (output === undefined) return (result) => result;
  const read = validator(output);
  return (result) =>
    afterwards(read(result), ({ issues, ...rest }: SchemaResult<unknown>) => {
      if (issues === undefined) return (rest as { value: unknown }).value;
      throw new TuttiError('INVALID_OUTPUT', { action: queue }, { cause: inputIssues(issues) });
    });
}

function runnerOf(needs: Runner): (input: unknown, call: IncomingCall) => unknown {
  const { queue, worker, serving, store, runs } = needs;
  const read = validator(worker.queue.input);
  const checked = outputCheck(needs);
  const handle = worker.handle as (handling: object) => unknown;
  return observed(serving, `job ${queue}`, (input, call) => {
    const job = input as DeliveredJob & { readonly signal: AbortSignal };
    return afterwards(read(job.kept.payload), (result: SchemaResult<unknown>) => {
      if (result.issues === undefined) {
        const lost = (error: TuttiError): void => {
          runs.abort(job, error);
        };
        const handling = new JobHandling({ ...serving, queue, store, job, giveUp, lost }, call, result.value);
        return afterwards(handle(handling), checked);
      }
      const message = `The input does not fit the schema of the queue ${queue}`;
      const error = new TuttiError('INVALID_INPUT', { message, issues: inputIssues(result.issues) });
      unfit.add(error);
      throw error;
    });
  });
}

function giveUp(reason: string): never {
  throw new GaveUp(reason);
}

/** Said of the input of a job, not of what its handler asks of others. */
const unfit = new WeakSet<TuttiError>();

function howItFailed(error: unknown): HowJobWent {
  if (isTuttiError(error)) return { failed: failureText(error), isFinal: unfit.has(error) };
  const text = error instanceof Error ? (error.stack ?? error.message) : shown(error);
  return error instanceof GaveUp
    ? { failed: error.message, isFinal: true }
    : { failed: text, isFinal: false };
}

function failureText({ code, message, data }: TuttiError): string {
  const issues = Array.isArray(data['issues']) ? (data['issues'] as { path: string; message: string }[]) : [];
  const where = issues.map((issue) => `${issue.path}: ${issue.message}`).join('; ');
  return `${code}: ${message}${where === '' ? '' : ` (${where})`}`;
}

/** The types of TypeScript know nothing of `undefined`. */
const json: (value: unknown) => string | undefined = JSON.stringify;

function resultText(result: unknown): HowJobWent {
  let text: string;
  try {
    text = json(result) ?? 'null';
  } catch {
    return { failed: 'What the handler gave is not JSON', isFinal: true };
  }
  if (Buffer.byteLength(text) <= bounds.jobResultBytes) return { result: text };
  return { failed: `What the handler gave is over ${String(bounds.jobResultBytes)} bytes`, isFinal: true };
}

/** For the store to hear how a run ended of an instance that stops. */
const tellMs = 2_000;

/** For a run that nobody asks for any more. One that is to be begun again is found to be lost by the next owner of the store, which knows when. */
// eslint-disable-next-line max-params -- to whom, of what, what
async function tellEnd(
  store: StoreClient,
  queue: string,
  { seq, run }: JobRun,
  went: HowJobWent | 'back',
): Promise<void> {
  const end = endOf(went);
  if (end === undefined) return;
  const input = { queue, ends: [{ seq, run, ...end }] };
  await store.mutate({ area: 'jobs', name: 'turn', input }, tellMs);
}

function endOf(went: HowJobWent | 'back'): object | undefined {
  if (went === 'back') return { end: 'back', afterMs: 0 };
  if ('result' in went) return { end: 'done', result: went.result };
  return went.isFinal ? { end: 'failed', reason: went.failed } : undefined;
}

/** A call that outlasts its run: what the handler asks of others has no more time than it has itself. */
function limitedCall(call: IncomingCall, { limitMs }: DeliveredJob, now: number): IncomingCall {
  if (limitMs === undefined) return call;
  const { action, signal, context } = call;
  return { ...call, action, signal, context: { ...context, deadline: now + limitMs } };
}

function limitOf({ limitMs }: DeliveredJob, action: string, queue: string): RunDeeds['limit'] {
  if (limitMs === undefined) return undefined;
  return { queue, ms: limitMs, error: new TuttiError('CALL_TIMED_OUT', { action, afterMs: limitMs }) };
}

export function servedJobs(serving: Serving, store: StoreClient, runs: JobRuns): ResponderAction[] {
  const { queues } = serving.definition;
  const refuseOthers = (call: IncomingCall, name: string): void => {
    if (!isSystemService(call.caller.service))
      throw new TuttiError('FORBIDDEN', { caller: instanceId(call.caller), action: name });
  };
  const jobs = Object.entries(queues).map(([queue, worker]): ResponderAction => {
    const name = jobAction(queue);
    const run = runnerOf({ queue, worker, serving, store, runs });
    const begin = async (
      input: DeliveredJob,
      call: IncomingCall,
      signal: AbortSignal,
    ): Promise<HowJobWent> => {
      let went: HowJobWent;
      try {
        const job = { ...input, signal };
        const limited = limitedCall(call, input, serving.kit.clock.now());
        // The context of the call is there already.
        const result = limited === call ? run(job, call) : runWithContext(limited.context, run, job, limited);
        went = resultText(await result);
      } catch (error) {
        went = howItFailed(error);
      }
      // What it says after its time does not count.
      return isTuttiError(signal.reason, 'CALL_TIMED_OUT') ? howItFailed(signal.reason) : went;
    };
    const tell: RunDeeds['tell'] = (job, went) => tellEnd(store, queue, job, went);
    return {
      name,
      ...{ hash: '', idempotent: true, isKept: true },
      concurrency: serving.manifest.queues?.[queue]?.manifest.concurrency ?? 1,
      invoke(input, call) {
        refuseOthers(call, name);
        const job = input as DeliveredJob;
        return runs.take(job, call.signal, {
          begin: (signal) => begin(job, call, signal),
          tell,
          limit: limitOf(job, `${serving.manifest.name}.${name}`, queue),
        });
      },
    };
  });
  const held: ResponderAction = {
    ...{ name: heldJobsAction, hash: '', idempotent: true, concurrency: 8 },
    invoke(_input, call) {
      refuseOthers(call, heldJobsAction);
      return runs.held();
    },
  };
  const abort: ResponderAction = {
    ...{ name: abortJobAction, hash: '', idempotent: true, concurrency: 8 },
    invoke(input, call) {
      refuseOthers(call, abortJobAction);
      const { reason, ...run } = input as JobRun & { readonly reason: string };
      runs.abort(run, new TuttiError('CANCELLED', { message: reason }));
    },
  };
  return jobs.length === 0 ? [] : [...jobs, held, abort];
}
