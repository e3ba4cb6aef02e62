/**
 * Decides how many instances of a service its load asks for. Pure: what they wrote and the time come in, a number and the reason for it come
 * out. Used by processes/supervisor/autoscaler. Up at once, at most doubled; down one at a time, and only after a long calm.
 * Source: the Kubernetes Horizontal Pod Autoscaler (a target and a band about it, a window before going down).
 *
 * Under a load that stays it comes to rest: after a step up the rest of one fewer would be over `target`, which is over `restBelow`, so it
 * does not go down; after a step down all are under `restBelow`, which is under `upAbove`, so it does not go up.
 */
import { spokenTime } from './spoken.ts';

/** How full an instance is: the part of the time its event loop worked, or of its `concurrency` that ran, whichever is more. */
export const scaleTargets = {
  /** More than this on average asks for more instances, and for so many that it is `target`. */
  upAbove: 0.75,
  target: 0.6,
  /** One goes only when the rest would not be fuller than this. */
  restBelow: 0.5,
  /** Waiting this long in queues asks for one more, and this long for twice as many. */
  waitMs: 100,
  longWaitMs: 500,
  /** Not more than this, or it is no calm. */
  calmWaitMs: 20,
} as const;

export interface ReplicaRange {
  readonly min: number;
  readonly max: number;
}

/** `1-4` */
export const rangeText = ({ min, max }: ReplicaRange): string => `${String(min)}-${String(max)}`;

/** What one instance says of the last few seconds. */
export interface InstanceLoad {
  /** 0 to 1. */
  readonly utilisation: number;
  readonly fullness: number;
  /** Calls and events that came, what they waited together, and how many were turned away. */
  readonly taken: number;
  readonly waitedMs: number;
  readonly rejected: number;
}

export interface ScaleState {
  readonly wanted: number;
  /** Since when one fewer would do. Monotonic milliseconds. */
  readonly calmSince: number | null;
}

export interface ScaleView {
  readonly range: ReplicaRange;
  /** Of those that are ready and beat. One that is silent says nothing: it is neither busy nor idle. */
  readonly loads: readonly InstanceLoad[];
  /** None of those wanted is starting, ends again and again or is being replaced, and each that is ready was for a while. */
  readonly isSettled: boolean;
  /** How long one fewer has to do before one goes. */
  readonly calmMs: number;
}

export interface ScaleDecision {
  readonly state: ScaleState;
  /** Why it is another number than before. */
  readonly reason?: string;
  /** It asks for more than it may have. */
  readonly beyond?: string;
}

interface Load {
  readonly fill: number;
  readonly isLoop: boolean;
  readonly waitMs: number;
  readonly rejected: number;
}

const sum = (numbers: readonly number[]): number => numbers.reduce((all, number) => all + number, 0);

/** Of all together: on average as full as this. */
function loadOf(loads: readonly InstanceLoad[]): Load {
  const utilisation = sum(loads.map((load) => load.utilisation));
  const fullness = sum(loads.map((load) => load.fullness));
  const fill = sum(loads.map((load) => Math.max(load.utilisation, load.fullness)));
  return {
    fill: fill / loads.length,
    isLoop: utilisation >= fullness,
    waitMs: sum(loads.map(({ waitedMs }) => waitedMs)) / Math.max(1, sum(loads.map(({ taken }) => taken))),
    rejected: sum(loads.map(({ rejected }) => rejected)),
  };
}

/** However many are asked for: twice as many at most. */
function asked(wanted: number, { fill, waitMs, rejected }: Load): number {
  const { upAbove, target, waitMs: long, longWaitMs } = scaleTargets;
  const most = 2 * wanted;
  if (rejected > 0 || waitMs >= longWaitMs) return most;
  const byFill = fill > upAbove ? Math.ceil((wanted * fill) / target) : wanted;
  return Math.min(most, Math.max(byFill, waitMs >= long ? wanted + 1 : wanted));
}

const percent = (part: number): string => `${String(Math.round(part * 100))} %`;

function loadText({ fill, isLoop, waitMs, rejected }: Load): string {
  const fullText = isLoop
    ? `event loops are ${percent(fill)} busy`
    : `${percent(fill)} of concurrency is used`;
  const waitText = waitMs >= scaleTargets.waitMs ? [`calls wait ${spokenTime(waitMs)} for their turn`] : [];
  const refusedText = rejected > 0 ? [`${String(rejected)} were turned away`] : [];
  return [...waitText, ...refusedText, fullText].join(', ');
}

/** Whether all would still fare well with one fewer: known only when all have spoken. */
function isCalm(wanted: number, { fill, waitMs, rejected }: Load): boolean {
  const rest = (fill * wanted) / (wanted - 1);
  return rest <= scaleTargets.restBelow && waitMs <= scaleTargets.calmWaitMs && rejected === 0;
}

const within = ({ min, max }: ReplicaRange, count: number): number => Math.min(max, Math.max(min, count));

/** As it was, but for the calm, which does not go on over what nobody knows. */
const hold = ({ wanted }: ScaleState): ScaleDecision => ({ state: { wanted, calmSince: null } });

export function decideScale(before: ScaleState, view: ScaleView, now: number): ScaleDecision {
  const { range, loads, isSettled } = view;
  const wanted = within(range, before.wanted);
  const state = { ...before, wanted };
  if (!isSettled || loads.length === 0) return hold(state);
  const load = loadOf(loads);
  const up = asked(wanted, load);
  if (up > wanted && wanted === range.max) return { ...hold(state), beyond: loadText(load) };
  if (up > wanted) return { ...hold({ ...state, wanted: within(range, up) }), reason: loadText(load) };
  if (wanted === range.min || loads.length < wanted || !isCalm(wanted, load)) return hold(state);
  return stepDown(state, view, { load, now });
}

function stepDown(
  { wanted, calmSince }: ScaleState,
  { calmMs }: ScaleView,
  { load, now }: { readonly load: Load; readonly now: number },
): ScaleDecision {
  const since = calmSince ?? now;
  if (now - since < calmMs) return { state: { wanted, calmSince: since } };
  const rest = percent((load.fill * wanted) / (wanted - 1));
  return {
    ...hold({ wanted: wanted - 1, calmSince: null }),
    reason: `it was calm for ${spokenTime(calmMs)}, and ${wanted === 2 ? 'one' : 'the rest'} alone would be ${rest} busy`,
  };
}
