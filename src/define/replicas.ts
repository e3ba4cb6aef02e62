/**
 * How many processes a service has: a number, or from one to another as its load asks for. Checks what an app file says of it, and reads
 * it. Used by what checks the app and by what plans it; gateways are given numbers only.
 */
import { rangeText } from '../core/autoscale.ts';
import type { ReplicaRange } from '../core/autoscale.ts';
import type { OptionsIn, Problem } from '../core/options.ts';
import { checkOptions, fillOptions, isPlainObject, shown } from '../core/options.ts';
import { rangeOptions, serviceOptions } from './options.ts';

export type Replicas = number | (OptionsIn<typeof rangeOptions> & { readonly max: number });

/** Undefined: a fixed number. Wants what was checked. */
export function rangeOf(replicas: Replicas | undefined): ReplicaRange | undefined {
  if (typeof replicas !== 'object') return undefined;
  const { min, max = min } = fillOptions(rangeOptions, replicas);
  return { min, max };
}

/** At start, and as long as the load asks for nothing else. */
export const fewestOf = (replicas: Replicas | undefined): number =>
  typeof replicas === 'object'
    ? (replicas.min ?? rangeOptions.min.default)
    : (replicas ?? serviceOptions.replicas.default);

export const mostOf = (replicas: Replicas | undefined): number =>
  rangeOf(replicas)?.max ?? fewestOf(replicas);

/** `2`, `1-4` */
export function replicasText(replicas: Replicas | undefined): string {
  const range = rangeOf(replicas);
  return range === undefined ? String(fewestOf(replicas)) : rangeText(range);
}

/** Undefined: no range, and to be checked as a number. */
export function checkRange(value: unknown, path: string): Problem[] | undefined {
  if (!isPlainObject(value)) return undefined;
  const problems = checkOptions(rangeOptions, value, path);
  const { min = rangeOptions.min.default, max } = value;
  if (max === undefined)
    return [
      ...problems,
      { path: `${path}.max`, message: 'expected how many at most, as in { min: 1, max: 4 }' },
    ];
  if (problems.length === 0 && Number(min) > Number(max))
    return [{ path: `${path}.min`, message: `must not be more than max (${shown(max)}), is ${shown(min)}` }];
  return problems;
}
