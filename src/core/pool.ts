/**
 * The rules of a pool, whose processes take one call at a time: who of them serves, when a call must have ended, when one has served
 * enough. Pure; used by the supervisor, who alone sees a process whose event loop is held by an endless call.
 */
import { bounds } from './bounds.ts';
import type { HealthPolicy } from './health.ts';
import type { SlotState, StopPolicy } from './instance-state.ts';

export interface PoolPolicy {
  /** Calls at once, one in each process. */
  readonly size: number;
  /** Ready beside them. */
  readonly spares: number;
  /** Milliseconds. */
  readonly callLimit: number;
  /** Undefined: never. */
  readonly recycleAfter?: number | undefined;
}

/** A call may hold its event loop for as long as its limit: silent for so long is not dead, and whoever is to end may finish first. */
export function poolTimes<Times extends { readonly health: HealthPolicy; readonly stop: StopPolicy }>(
  times: Times,
  { callLimit }: PoolPolicy,
): Times {
  const { health, stop } = times;
  const longest = callLimit + bounds.poolUnwantedMs;
  return {
    ...times,
    health: {
      ...health,
      staleAfter: health.staleAfter + longest,
      heartbeatTimeout: health.heartbeatTimeout + longest,
      busyAfter: health.busyAfter + longest,
    },
    stop: { ...stop, drainTimeout: Math.max(stop.drainTimeout, longest) },
  };
}

type Ready = Pick<SlotState, 'slot' | 'epoch'>;

/**
 * Who of those that are ready gets calls; the others are spares. Who serves goes on: a spare that took over is one of them.
 * @param processes that are wanted, spares included.
 */
export function chooseServing<Slot extends Ready>(
  ready: readonly Slot[],
  serving: readonly Ready[],
  { processes, spares }: { readonly processes: number; readonly spares: number },
): Slot[] {
  const serves = ({ slot, epoch }: Ready): boolean =>
    serving.some((one) => one.slot === slot && one.epoch === epoch);
  const places = Math.max(1, processes - spares);
  const chosen = [...ready.filter(serves), ...ready.filter((one) => !serves(one))].slice(0, places);
  return chosen.sort((left, right) => left.slot - right.slot);
}

/** Why a call must end at its end: it has run too long, or nobody waits for it any more. */
export type CallEnd = 'limit' | 'unwanted';

/** @param deadline of its caller, who has given up then. All are monotonic milliseconds. */
export function callEnd(
  beganAt: number,
  callLimit: number,
  deadline: number,
): { readonly endsBy: number; readonly why: CallEnd } {
  const limit = beganAt + callLimit;
  const unwanted = deadline + bounds.poolUnwantedMs;
  return unwanted < limit ? { endsBy: unwanted, why: 'unwanted' } : { endsBy: limit, why: 'limit' };
}

const longestLookMs = 250;
const shortestLookMs = 5;
/** Looks at a call before it can be over its limit: one that is missed costs a late end. */
const looksInLimit = 4;

/**
 * When to look again at the calls that run: at the end of the first to end, and often enough that none can begin and be over its limit
 * unseen.
 * @param ends `endsBy` of those that run.
 */
export function lookAgainAfterMs(
  now: number,
  callLimits: readonly number[],
  ends: readonly number[],
): number {
  const shortest = Math.min(...callLimits, bounds.poolUnwantedMs);
  const period = Math.min(longestLookMs, Math.max(shortestLookMs, shortest / looksInLimit));
  return Math.max(1, Math.min(period, ...ends.map((end) => end - now)));
}

const callEndPattern = /^\S+ ran (?:longer than callLimit|on for \d+ ms after its caller had given up)/;
/** The end of a process that is so told is no failure of it. */
export const isCallEndReason = (reason: string): boolean => callEndPattern.test(reason);

/** Of a kill: what the log of events and `tutti why` say. */
export const callEndReason = (why: CallEnd, action: string, { callLimit }: PoolPolicy): string =>
  why === 'limit'
    ? `${action} ran longer than callLimit (${String(callLimit)} ms)`
    : `${action} ran on for ${String(bounds.poolUnwantedMs)} ms after its caller had given up`;
