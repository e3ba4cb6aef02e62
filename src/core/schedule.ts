/**
 * Which ticks of a schedule become jobs now, and when its next one is. Pure: the time and the rhythm come in. Used by the store, in the change that adds the jobs, so
 * that nothing comes between a tick and its next one.
 */
export const missedPolicies = ['once', 'skip', 'all'] as const;
export const overlapPolicies = ['allow', 'skip'] as const;
export type MissedPolicy = (typeof missedPolicies)[number];
export type OverlapPolicy = (typeof overlapPolicies)[number];

/** The first tick after a time; undefined: there is none. All times are epoch milliseconds. */
export type Rhythm = (after: number) => number | undefined;

export interface TickQuestion {
  readonly nextAt: number;
  readonly now: number;
  readonly missed: MissedPolicy;
  readonly overlap: OverlapPolicy;
  /** A job of an earlier tick has not come to its end. */
  readonly isOpen: boolean;
  readonly next: Rhythm;
  /** A tick that is later than this was missed. */
  readonly lateMs: number;
  /** So many are made up at once; the rest at the next look. */
  readonly most: number;
}

export interface TickAnswer {
  /** Each is to be a job. */
  readonly ticks: readonly number[];
  readonly nextAt: number | undefined;
}

/** Counted from a tick that was or will be: nothing drifts, however late each one is seen. */
export const everyMs =
  (ms: number, aTick: number): Rhythm =>
  (after) =>
    aTick + (Math.floor((after - aTick) / ms) + 1) * ms;

export function dueTicks({ nextAt, now, missed, overlap, isOpen, ...rest }: TickQuestion): TickAnswer {
  const { next, lateMs, most } = rest;
  if (nextAt > now) return { ticks: [], nextAt };
  if (overlap === 'skip' && isOpen) return { ticks: [], nextAt: next(now) };
  // The second of two that are due would overlap with the first.
  if (missed === 'all' && overlap === 'allow') return allOf({ nextAt, now, next, most });
  const isLate = missed === 'skip' && nextAt < now - lateMs;
  const tick = isLate ? next(now - lateMs - 1) : nextAt;
  return { ticks: tick !== undefined && tick <= now ? [tick] : [], nextAt: next(now) };
}

function allOf({
  nextAt,
  now,
  next,
  most,
}: Pick<TickQuestion, 'nextAt' | 'now' | 'next' | 'most'>): TickAnswer {
  const ticks: number[] = [];
  let tick: number | undefined = nextAt;
  while (tick !== undefined && tick <= now && ticks.length < most) {
    ticks.push(tick);
    tick = next(tick);
  }
  return { ticks, nextAt: tick };
}

/**
 * The next tick that is right where the one that was noted may not be: the clock was far ahead when it was noted, or the time zone has other rules by now.
 * What is due already stays: how one was missed is decided by its policy.
 */
export const repairedTick = (nextAt: number | undefined, now: number, next: Rhythm): number | undefined =>
  nextAt !== undefined && nextAt <= now ? nextAt : next(now);
