/**
 * Who of the instances of a service looks bad beside the others: slower than five times the middle, or failing more. Pure; used by the mesh's caller.
 * Where more than half look bad it is not they who are: then nobody is judged (panic rule of Envoy's outlier detection).
 */
export interface Observed {
  /** Of its answers lately that were no failures, milliseconds; undefined: too few yet. */
  readonly latencyMs: number | undefined;
  /** Of its answers lately, 0 to 1. */
  readonly failures: number;
  /** By the comparison before: it has to become better than others need to be, or it would be one again and again. */
  readonly isOutlier: boolean;
}

/** `chance`: who is slower than the middle by less than that many times is not called slower, or of those that are alike it would be asked last, go cold, and stay so. */
export const outlierLimits = { times: 5, failures: 0.3, stays: 0.5, leastMs: 1, chance: 2 } as const;

export interface Comparison {
  readonly isOutlier: boolean;
  /** How much slower than the middle; 1 for the others, and for who has not answered often enough. */
  readonly slowness: number;
}

/** As all are where nobody compares them. */
export const even: Comparison = { isOutlier: false, slowness: 1 };

export function compareInstances(instances: readonly Observed[]): Comparison[] {
  const known = instances.flatMap(({ latencyMs }) => (latencyMs === undefined ? [] : [latencyMs]));
  const middle = Math.max(outlierLimits.leastMs, middleOf(known));
  // What they all call and is down makes them all fail, one a little before the other.
  const usual = middleOf(instances.map(({ failures }) => failures));
  const seen = instances.map(({ latencyMs = 0, failures, isOutlier: wasOutlier }) => {
    const times = latencyMs / middle;
    const slowness = times < outlierLimits.chance ? 1 : times;
    const part = wasOutlier ? outlierLimits.stays : 1;
    const isOutlier =
      slowness > outlierLimits.times * part || failures - usual >= outlierLimits.failures * part;
    return { slowness, isOutlier };
  });
  const isPanic = seen.filter(({ isOutlier }) => isOutlier).length > instances.length / 2;
  return isPanic || instances.length < 2 ? seen.map(() => even) : seen;
}

/** The lower of two middles: of two instances the better one is the measure. */
const middleOf = (values: readonly number[]): number =>
  values.toSorted((left, right) => left - right)[Math.floor((values.length - 1) / 2)] ?? 0;
