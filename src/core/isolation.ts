/**
 * The rule of a worker that is isolated: a job that goes on after its signal has aborted is ended with its process. Pure; used by the supervisor, who alone
 * can end a process whose event loop is held, and by whoever tells of it.
 */
export interface Isolation {
  /** From when its signal aborts until its process is ended. Milliseconds. */
  readonly graceMs: number;
}

const words = {
  timeout: 'its time was over',
  cancelled: 'it was cancelled',
  lost: 'it was given to another run',
} as const;

/** Why a job was to end that did not. */
export type JobEnd = keyof typeof words;
/** In the order in which the statistics file counts them. */
export const jobEnds = Object.keys(words) as readonly JobEnd[];

export interface JobNamed {
  readonly queue: string;
  /** Of the store. */
  readonly number: number;
}

/** Of a kill: what the log of events and `tutti why` say. */
export const jobEndReason = (why: JobEnd, { queue, number }: JobNamed, { graceMs }: Isolation): string =>
  `job ${String(number)} of ${queue} ran on for ${String(graceMs)} ms after ${words[why]}`;

const jobEndPattern = /^job \d+ of \S+ ran on for \d+ ms after it/;
/** The end of a process that is so told is no failure of it. */
export const isJobEndReason = (reason: string): boolean => jobEndPattern.test(reason);
