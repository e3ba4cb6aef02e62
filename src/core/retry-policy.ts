/**
 * Decides what becomes of a call that did not succeed: it is made once more, elsewhere or at all, or its caller hears of it. Pure.
 * One owner repeats, the first caller of a chain: were each link to do it, two repetitions at three links would be twenty-seven calls.
 */
import type { Random } from './ports.ts';
import type { RetryBudget } from './retry-budget.ts';
import { retryDelayMs } from './retry-budget.ts';

/** How a try ended. */
export type TryEnd =
  /** It was not sent, or not started there. */
  | { readonly end: 'not-started'; readonly code: string }
  /** The connection went, and with it the answer. */
  | { readonly end: 'lost' }
  /** An answer that is an error, of the action or of what it called. */
  | { readonly end: 'answered'; readonly code: string; readonly retryable: boolean };

export interface Retryable {
  /** Idempotent, or with a key: doing it twice does no harm. */
  readonly isHarmless: boolean;
  /** Nobody above this caller will repeat it. */
  readonly isOwner: boolean;
  /** So far. */
  readonly retries: number;
  /** That it may have. */
  readonly mostRetries: number;
  readonly deadline: number;
}

export type RetryVerdict =
  | { readonly verdict: 'fail' }
  /** At once, to another instance: nothing was done yet. */
  | { readonly verdict: 'elsewhere' }
  /** After a moment, to another instance if there is one. */
  | { readonly verdict: 'again'; readonly afterMs: number };

const fail: RetryVerdict = { verdict: 'fail' };
const elsewhere: RetryVerdict = { verdict: 'elsewhere' };
/** Of answers: the time is up, or they have too much to do already. */
const hopeless: ReadonlySet<string> = new Set(['CALL_TIMED_OUT', 'OVERLOADED', 'CIRCUIT_OPEN']);

export function decideRetry(
  end: TryEnd,
  call: Retryable,
  { now, random, budget }: { readonly now: number; readonly random: Random; readonly budget: RetryBudget },
): RetryVerdict {
  if (end.end === 'not-started' && end.code !== 'OVERLOADED') return elsewhere;
  if (!call.isOwner || call.retries >= call.mostRetries) return fail;
  if (end.end !== 'not-started' && !call.isHarmless) return fail;
  if (end.end === 'answered' && (!end.retryable || hopeless.has(end.code))) return fail;
  const afterMs = retryDelayMs(call.retries + 1, random);
  if (now + afterMs >= call.deadline || !budget.take()) return fail;
  return { verdict: 'again', afterMs };
}
