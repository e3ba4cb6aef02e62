/** A job as the store gives it, and what all who show jobs make of it. Times are epoch milliseconds of the store's clock. */
import type { JobView } from './job-view.ts';
import { keptRequest } from './kept-context.ts';
import type { KeptContext } from './kept-context.ts';

/** Of the row of a job what others than the store look at. */
export interface StoredJob {
  readonly queue: string;
  readonly id: string;
  /** 0 waiting, 1 delayed, 2 running, 3 done, 4 failed, 5 cancelled. */
  readonly state: number;
  readonly priority: number;
  readonly due: number;
  readonly attempts: number;
  readonly added: number;
  readonly started: number | null;
  readonly ended: number | null;
  /** JSON: input and context. */
  readonly body: string;
  /** JSON. */
  readonly result: string | null;
  readonly reason: string | null;
  /** JSON. */
  readonly progress: string | null;
}

const stateNames = ['pending', 'pending', 'running', 'done', 'failed', 'cancelled'] as const;
const delayedState = 1;

const valueOf = (json: string | null): unknown => (json === null ? null : (JSON.parse(json) as unknown));

export function viewOf(row: StoredJob): JobView {
  const { id, queue, state, priority, attempts, reason, added, started, ended } = row;
  const { payload, context } = JSON.parse(row.body) as {
    readonly payload: unknown;
    readonly context: KeptContext;
  };
  return {
    ...{ id, queue, state: stateNames[state] ?? 'pending', input: payload, priority, attempts },
    ...{ progress: valueOf(row.progress), result: valueOf(row.result), reason },
    ...{ addedAt: added, dueAt: state === delayedState ? row.due : null },
    ...{ startedAt: started, endedAt: ended, requestId: keptRequest(context) ?? null },
  };
}

/** What follows it is a stack, for who runs the app. */
export const shortReason = ({ reason }: Pick<JobView, 'reason'>): string | undefined =>
  reason?.split('\n', 1)[0];

export const bugReason = 'Something went wrong on our side';

/** A stack is behind it: it may name paths and statements. */
export const isBug = (reason: string): boolean => reason.includes('\n    at ');

/** For strangers: what an error of ours says, or a worker who gave up; of a bug, which may name paths and statements, only that there was one. */
export const publicReason = (view: Pick<JobView, 'reason'>): string | undefined =>
  view.reason !== null && isBug(view.reason) ? bugReason : shortReason(view);
