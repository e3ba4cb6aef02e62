/** How a job is handed over: from the owner of the store to the instance that runs it, and how it went on the way back. */
import type { Delivered } from './kept-event.ts';

const prefix = '$job ';
/** The action of an instance that runs a job of the queue. No user's action has such a name. */
export const jobAction = (queue: string): string => `${prefix}${queue}`;
export const isJobAction = (action: string): boolean => action.startsWith(prefix);
/** Answers which runs the instance has in hand, or has ended and not told: `JobRun[]`. */
export const heldJobsAction = '$jobs';

/** Ends a run that was cancelled, wherever it is: `JobRun`. A call that is taken back does not, since its owner may only be stopping. */
export const abortJobAction = '$abort job';

/** One run of a job. */
export interface JobRun {
  readonly seq: number;
  /** No other of the job ever has this number. */
  readonly run: number;
}

export interface DeliveredJob extends JobRun, Delivered {
  readonly id: string;
  /** From 1, since it was added or retried. */
  readonly attempt: number;
  /** Of an isolated worker: after so many milliseconds its signal aborts, and its caller waits on. Absent: when its caller gives up. */
  readonly limitMs?: number | undefined;
}

/** `result`: JSON. `isFinal`: no other attempt would go better. */
export type HowJobWent = { readonly result: string } | { readonly failed: string; readonly isFinal: boolean };
