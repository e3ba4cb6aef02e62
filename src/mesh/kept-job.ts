/** How a job is handed over: from the owner of the store to the instance that runs it, and how it went on the way back. */

/** The action of an instance that runs a job of the queue. No user's action has such a name. */
export const jobAction = (queue: string): string => `$job ${queue}`;
/** Answers which runs the instance has in hand, or has ended and not told: `JobRun[]`. */
export const heldJobsAction = '$jobs';

/** One run of a job: each attempt is another. */
export interface JobRun {
  readonly seq: number;
  /** From 1. */
  readonly attempt: number;
}

export interface DeliveredJob extends JobRun {
  readonly id: string;
  readonly payload: unknown;
}

/** `result`: JSON. `isFinal`: no other attempt would go better. */
export type HowJobWent = { readonly result: string } | { readonly failed: string; readonly isFinal: boolean };
