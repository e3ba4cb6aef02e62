/**
 * Judges whether an instance lives, from its heartbeat, from /proc and from how late we look ourselves. Pure; the verdict carries its
 * evidence. Used by processes/supervisor/watch. A stale beat alone never kills: work may be real, and the machine may be starved.
 */
import type { Evidence, SlotEvent, SlotState } from './instance-state.ts';

export interface HealthPolicy {
  /** A beat older than this makes the instance unready. */
  readonly staleAfter: number;
  /** Without a beat and without progress for this long: killed. */
  readonly heartbeatTimeout: number;
  /** Without a beat but with progress for this long: killed. */
  readonly busyAfter: number;
}

/** What one look at one instance saw. */
export interface Reading {
  readonly now: number;
  /** Of the last beat, monotonic milliseconds. */
  readonly beatAt: number;
  /** From /proc: R, S, D, T, Z …; undefined when the process is gone, or nobody looked. */
  readonly processState: string | undefined;
  /** CPU time so far of the process and its group; undefined like the state. Milliseconds. */
  readonly cpuMs: number | undefined;
  /** This look came late by more than two periods: we were held up ourselves. */
  readonly late: boolean;
  /** A debugger is attached. */
  readonly inspected: boolean;
}

/** What is remembered from look to look of one silence, which is named by the beat before it: the next beat begins anew. */
export interface Silence {
  readonly beatAt: number;
  /** Of the first and of the last look at it. */
  readonly firstLookAt: number;
  readonly lookedAt: number;
  readonly firstCpuMs: number | undefined;
  readonly cpuMs: number | undefined;
  /** When CPU time was last seen to advance. */
  readonly progressedAt: number | undefined;
  /** When the silence was last not its own fault: it waited for the disk, or for the machine. And how much of it was that. */
  readonly excusedAt: number | undefined;
  readonly excusedMs: number;
  /** We were held up during it: its deadlines are three times as long. Once, or a machine that holds us up always would end nobody. */
  readonly isPardoned: boolean;
  /** Looks since then. */
  readonly looks: number;
  /** Looks in a row that would have ended it. */
  readonly condemned: number;
}

export type Why = 'busy' | 'starved' | 'blocked-io' | 'paused' | 'silent' | 'hung';

/** `wait`: its beat is old, but so is our look. What was said of it before stays. */
export type Verdict =
  | { readonly verdict: 'alive' }
  | { readonly verdict: 'wait' }
  | { readonly verdict: 'unready' | 'kill'; readonly why: Why; readonly evidence: Evidence };

export interface Judgement {
  readonly silence: Silence;
  readonly verdict: Verdict;
}

const patience = 3;
/** CPU time comes in ticks of 10 ms, and one of many has few of them: a tick within this part of `heartbeatTimeout` is progress. */
const progressPart = 1 / 5;
/** The fair chance after a pardon: before so many looks nothing is said, and so many in a row must agree to end it. */
const fairLooks = 4;

export function judge(before: Silence | undefined, reading: Reading, policy: HealthPolicy): Judgement {
  const known = follow(before, reading, policy);
  const silentMs = reading.now - reading.beatAt;
  if (silentMs <= policy.staleAfter) return { silence: known, verdict: { verdict: 'alive' } };
  if (reading.late && !known.isPardoned)
    return {
      silence: { ...excuse(known, before, reading.now), isPardoned: true },
      verdict: { verdict: 'wait' },
    };
  const times = known.isPardoned || reading.inspected ? patience : 1;
  if (silentMs <= policy.staleAfter * times) return { silence: known, verdict: { verdict: 'wait' } };
  const { why, isOver } = explain(known, reading, limitsOf(policy, times));
  const excused = why === 'blocked-io' || why === 'starved' ? excuse(known, before, reading.now) : known;
  const silence = { ...excused, condemned: isOver ? known.condemned + 1 : 0 };
  if (known.isPardoned && known.looks < fairLooks) return { silence, verdict: { verdict: 'wait' } };
  const kills = isOver && silence.condemned >= (known.isPardoned ? fairLooks : 1);
  return { silence, verdict: verdictOf(kills ? 'kill' : 'unready', why, { silence, reading }) };
}

/** A successor, who begins in the middle of a silence, has not seen what it was before: time counts from its first look. */
function follow(before: Silence | undefined, reading: Reading, { heartbeatTimeout }: HealthPolicy): Silence {
  const { now, beatAt, cpuMs } = reading;
  if (before?.beatAt !== beatAt)
    return {
      ...{ beatAt, firstLookAt: now, lookedAt: now, firstCpuMs: cpuMs, cpuMs, progressedAt: undefined },
      ...{ excusedAt: undefined, excusedMs: 0, isPardoned: false, looks: 0, condemned: 0 },
    };
  const progressed = cpuMs !== undefined && before.cpuMs !== undefined && cpuMs !== before.cpuMs;
  return {
    ...before,
    lookedAt: now,
    looks: before.isPardoned ? before.looks + 1 : 0,
    // What was seen before a stall of this length says nothing of who may have gone on meanwhile.
    condemned: now - before.lookedAt > heartbeatTimeout ? 0 : before.condemned,
    firstCpuMs: before.firstCpuMs ?? cpuMs,
    cpuMs: cpuMs ?? before.cpuMs,
    progressedAt: progressed ? now : before.progressedAt,
  };
}

/** Time that a disk, the machine or our own stall has taken counts for nobody. */
const excuse = (known: Silence, before: Silence | undefined, now: number): Silence => ({
  ...known,
  excusedAt: now,
  excusedMs: known.excusedMs + (before?.beatAt === known.beatAt ? now - before.lookedAt : 0),
});

interface Limits {
  readonly progressMs: number;
  readonly idleMs: number;
  readonly busyMs: number;
}

const limitsOf = (policy: HealthPolicy, times: number): Limits => ({
  progressMs: policy.heartbeatTimeout * progressPart,
  idleMs: policy.heartbeatTimeout * times,
  busyMs: policy.busyAfter * times,
});

function explain(
  { firstLookAt, progressedAt, excusedAt, excusedMs }: Silence,
  { now, processState }: Reading,
  { progressMs, idleMs, busyMs }: Limits,
): { readonly why: Why; readonly isOver: boolean } {
  const isIdle = now - Math.max(firstLookAt, progressedAt ?? 0, excusedAt ?? 0) > idleMs;
  const isLong = now - firstLookAt - excusedMs > busyMs;
  if (processState === 'D') return { why: 'blocked-io', isOver: false };
  if (processState === 'T') return { why: 'paused', isOver: isIdle || isLong };
  if (progressedAt !== undefined && now - progressedAt <= progressMs) return { why: 'busy', isOver: isLong };
  if (processState === 'R') return { why: 'starved', isOver: false };
  // Where /proc says nothing a busy one looks like a hung one: the longer limit counts.
  if (processState === undefined) return { why: 'silent', isOver: isLong };
  return { why: 'silent', isOver: isIdle || isLong };
}

function verdictOf(
  verdict: 'unready' | 'kill',
  why: Why,
  { silence, reading }: { readonly silence: Silence; readonly reading: Reading },
): Verdict {
  const { firstCpuMs, cpuMs, isPardoned } = silence;
  const said = verdict === 'kill' && why !== 'busy' ? 'hung' : why;
  return {
    verdict,
    why: said,
    evidence: {
      verdict: said,
      silentMs: Math.round(reading.now - reading.beatAt),
      processState: reading.processState ?? null,
      cpuMs: cpuMs === undefined || firstCpuMs === undefined ? null : Math.round(cpuMs - firstCpuMs),
      ...(isPardoned ? { supervisorStalled: true } : {}),
      ...(reading.inspected ? { inspected: true } : {}),
    },
  };
}

const words: Readonly<Record<Why, string>> = {
  busy: 'its event loop is busy: no heartbeat, but CPU time advances',
  starved: 'the machine has no time for it: runnable, but without progress',
  'blocked-io': 'it waits for the disk (state D)',
  paused: 'it is paused (state T)',
  silent: 'no heartbeat and no progress',
  hung: 'hung: no heartbeat and no progress',
};

const verdictText = (why: Why, evidence: Evidence): string =>
  `${words[why]}, for ${(Number(evidence['silentMs']) / 1000).toFixed(1)} s`;

/** What was said here, and a fresh beat takes back; a failing `check()` is taken back by the check. */
const isOurs = (reason: string): boolean =>
  Object.values(words).some((text) => reason.startsWith(`${text}, for `));

/** What a verdict means for a slot that is ready or unready. The seconds change with every look: told again is only a new why. */
export function eventOf(
  { state, reason }: Pick<SlotState, 'state' | 'reason'>,
  verdict: Verdict,
): Extract<SlotEvent, { type: 'fit' | 'unfit' | 'kill' }> | undefined {
  if (state !== 'ready' && state !== 'unready') return undefined;
  if (verdict.verdict === 'wait') return undefined;
  if (verdict.verdict === 'alive') return state === 'unready' && isOurs(reason) ? { type: 'fit' } : undefined;
  const { why, evidence } = verdict;
  const told = { reason: verdictText(why, evidence), evidence };
  if (verdict.verdict === 'kill') return { type: 'kill', ...told };
  const isNews = state === 'ready' || (isOurs(reason) && !reason.startsWith(`${words[why]}, for `));
  return isNews ? { type: 'unfit', ...told } : undefined;
}

const deepMs = { bad: 0, fresh: 2_000, steady: 10_000 } as const;
const steadyFrom = 20;

/** A beat of half the age that makes it stale is bad already: the next looks shall have something to compare with. */
export const isBad = (silentMs: number, { staleAfter }: HealthPolicy): boolean => silentMs > staleAfter / 2;

/** How long until /proc is read again: at every look while a beat is late, seldom when all has been well for long. */
export const deepLookAfterMs = (freshInARow: number): number =>
  freshInARow === 0 ? deepMs.bad : freshInARow < steadyFrom ? deepMs.fresh : deepMs.steady;

const longestPeriodMs = 500;
const shortestPeriodMs = 100;

/** How often to look when this is the shortest `staleAfter`: six times in it, not more often than it costs nothing. */
export const lookEveryMs = (staleAfter: number): number =>
  Math.min(longestPeriodMs, Math.max(shortestPeriodMs, staleAfter / 6));

/** Ours came so late that old beats say more about us than about others. */
export const isLate = (sinceLastLookMs: number, periodMs: number): boolean => sinceLastLookMs > 3 * periodMs;
