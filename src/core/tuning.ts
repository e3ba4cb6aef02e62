/**
 * How calls to an action are made, where its service or the app says so: what is said and travels, and what it comes to. Pure; joined where
 * the app's manifest is made, filled in once by each caller when the registry changes, so that a call looks it up and no more.
 */
import { bounds } from './bounds.ts';
import type { BreakerLimits } from './breaker.ts';
import { breakerLimits } from './breaker.ts';
import { retryLimits } from './retry-budget.ts';

export interface ActionTuning {
  readonly deadlineMs?: number | undefined;
  readonly retries?: number | undefined;
  readonly breaker?: BreakerTuning | false | undefined;
}
export type BreakerTuning = Loose<BreakerLimits>;

/** Of a service, as the registry tells it: only what is not as everywhere. */
export interface ServiceTuning {
  /** Its instances are not compared with one another. */
  readonly outliers?: false;
  readonly actions: Readonly<Record<string, ActionTuning>>;
}

/** Everything filled in. */
export interface Tuned {
  readonly deadlineMs: number;
  readonly retries: number;
  /** Undefined: it has none. */
  readonly breaker: BreakerLimits | undefined;
}

type Loose<T> = { readonly [K in keyof T]?: T[K] | undefined };
const isGiven = ([, value]: [string, unknown]): boolean => value !== undefined;
/** Later ones win, field by field. */
const joined = <T extends object>(layers: readonly (Loose<T> | undefined)[]): T =>
  Object.fromEntries(layers.flatMap((layer) => Object.entries(layer ?? {})).filter(isGiven)) as T;

/** Later ones win. A breaker is joined field by field, but for `false`, which forgets what was said before it. */
export function joinTunings(layers: readonly (ActionTuning | undefined)[]): ActionTuning {
  const breakers = layers.flatMap((layer) => (layer?.breaker === undefined ? [] : [layer.breaker]));
  const said = breakers.slice(breakers.lastIndexOf(false) + 1).filter((one) => one !== false);
  const breaker = said.length === 0 ? breakers.at(-1) : joined<BreakerTuning>(said);
  return { ...joined(layers), ...(breaker === undefined ? {} : { breaker }) };
}

export const fillTuning = ({ deadlineMs, retries, breaker }: ActionTuning): Tuned => ({
  deadlineMs: deadlineMs ?? bounds.callMs,
  retries: retries ?? retryLimits.retries,
  breaker: breaker === false ? undefined : joined<BreakerLimits>([breakerLimits, breaker]),
});

export const untuned: Tuned = fillTuning({});
const none: ReadonlyMap<string, Tuned> = new Map();

export const tunedActions = (tuning: ServiceTuning | undefined): ReadonlyMap<string, Tuned> =>
  tuning === undefined
    ? none
    : new Map(Object.entries(tuning.actions).map(([action, one]) => [action, fillTuning(one)]));
