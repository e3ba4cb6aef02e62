/** What the handler of a job receives. */
import { bounds } from '../core/bounds.ts';
import { isTuttiError, TuttiError } from '../core/errors.ts';
import type { RunningJob } from '../define/jobs.ts';
import type { DeliveredJob } from '../mesh/kept-job.ts';
import type { IncomingCall } from '../mesh/served-call.ts';
import type { StoreClient } from '../mesh/store-client.ts';
import { CallHandling } from './handling.ts';
import type { HandlerKit } from './handling.ts';

interface JobHandlingNeeds {
  readonly kit: HandlerKit;
  readonly queue: string;
  readonly store: StoreClient;
  readonly job: DeliveredJob & { readonly signal: AbortSignal };
  readonly giveUp: (reason: string) => never;
  /** The job is another run's: this one is told to end. */
  readonly lost: (error: TuttiError) => void;
}

export class JobHandling extends CallHandling {
  readonly job: RunningJob;
  readonly #signal: AbortSignal;

  constructor(needs: JobHandlingNeeds, call: IncomingCall, input: unknown) {
    super(needs.kit, call, input, needs.job.attempt);
    this.#signal = needs.job.signal;
    this.job = runningJob(needs);
  }

  /** Not that of the call: the run outlives its caller. */
  override get signal(): AbortSignal {
    return this.#signal;
  }
}

function runningJob({ queue, store, job, giveUp, lost: tellLost }: JobHandlingNeeds): RunningJob {
  const { seq, run, attempt, id } = job;
  const tell = async (name: 'progress' | 'log', rest: object): Promise<void> => {
    if (job.signal.aborted) throw lost(id, job.signal);
    try {
      await store.mutate({ area: 'jobs', name, input: { seq, run, ...rest } });
    } catch (error) {
      if (isTuttiError(error, 'LEASE_LOST')) tellLost(error);
      throw error;
    }
  };
  return {
    ...{ id, queue, attempt, giveUp },
    progress: (value) => tell('progress', { value: progressText(value) }),
    log: (text) => tell('log', { text: logText(text) }),
  };
}

const lost = (job: string, signal: AbortSignal): TuttiError =>
  new TuttiError('LEASE_LOST', { job }, { cause: signal.reason });

function progressText(value: unknown): string {
  const text = JSON.stringify(value) as string | undefined;
  if (text === undefined) throw new TuttiError('INVALID_INPUT', { message: 'The progress of a job is JSON' });
  const limitBytes = bounds.jobProgressBytes;
  if (Buffer.byteLength(text) <= limitBytes) return text;
  const message = `The progress of a job is over ${String(limitBytes)} bytes`;
  throw new TuttiError('PAYLOAD_TOO_LARGE', { message, limitBytes });
}

function logText(text: unknown): string {
  if (typeof text === 'string' && text.isWellFormed()) return text;
  throw new TuttiError('INVALID_INPUT', { message: 'A line in the log of a job is a text' });
}
