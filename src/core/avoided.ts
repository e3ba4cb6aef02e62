/**
 * Whom a caller does not ask, or asks less, and why: a breaker that is open, or an instance that looks bad beside the others. Pure: what travels
 * from instances to the supervisor, what stands in the status, and the words for both.
 */
import { displayName } from './ids.ts';
import { outlierLimits } from './outliers.ts';
import { counted, spokenTime } from './spoken.ts';

export interface OpenBreaker {
  readonly kind: 'breaker';
  /** `users#1@2`, `fetch` */
  readonly instance: string;
  readonly action: string;
  /** In a row, when it opened. */
  readonly failures: number;
  /** The part of its calls that opened it, of a hundred; absent: those in a row did. */
  readonly percent?: number;
  /** Code of the last failure. */
  readonly last: string;
  /** When one call probes, if there is one. Monotonic milliseconds. */
  readonly probeAt: number;
}

export interface Outlier {
  readonly kind: 'outlier';
  readonly instance: string;
  readonly latencyMs: number | null;
  /** Of its answers lately, 0 to 1. */
  readonly failedPart: number;
}

export type Avoided = OpenBreaker | Outlier;

/** As the supervisor has heard it of `by`, who is an instance too: `gateway:public#1@1`. Times are epoch milliseconds. */
export type AvoidedStatus = Avoided & { readonly by: string; readonly since: number };

/** What names it; two with the same are the same, with newer numbers. */
export const avoidedKey = (one: Avoided): string =>
  `${one.kind} ${one.instance} ${one.kind === 'breaker' ? one.action : ''}`;

const nameOf = (instance: string): string => displayName(instance.slice(0, instance.lastIndexOf('@')));
export const serviceOfInstance = (instance: string): string => instance.slice(0, instance.lastIndexOf('#'));

const actionOf = ({ instance, action }: OpenBreaker): string => `${serviceOfInstance(instance)}.${action}`;

function whyText(one: Avoided): string {
  if (one.kind === 'breaker')
    return one.percent === undefined
      ? `${counted(one.failures, 'call')} in a row failed, last ${one.last}`
      : `${String(one.percent)} % of its calls or more failed lately, last ${one.last}`;
  const { latencyMs, failedPart } = one;
  if (failedPart >= outlierLimits.failures * outlierLimits.stays || latencyMs === null)
    return `${String(Math.round(failedPart * 100))} % of its answers are failures, more than of the others`;
  return `it takes ${spokenTime(latencyMs)}, longer than the others`;
}

/** `is not asked for users.fetch by gateway public#1: …`, without its subject. @param by who, in words. */
export function avoidedText(one: Avoided, by: string): string {
  const what =
    one.kind === 'breaker' ? `is not asked for ${actionOf(one)} by ${by}` : `is asked less by ${by}`;
  return `${what}: ${whyText(one)}`;
}

export const avoidedSentence = (one: Avoided, by: string): string =>
  `${nameOf(one.instance)} ${avoidedText(one, nameOf(by))}`;

export function heededSentence(one: Avoided, by: string): string {
  const what = one.kind === 'breaker' ? `asked for ${actionOf(one)}` : 'asked as often as the others';
  return `${nameOf(one.instance)} is ${what} by ${nameOf(by)} again`;
}

export interface AvoidedLine {
  /** `users#1` */
  readonly slot: string;
  readonly text: string;
}

/** More would push what else is to be said off the screen. */
const mostLines = 8;

/** What is so now, by many callers in one line; of very many the first. */
export function avoidedLines(all: readonly AvoidedStatus[], now: number): AvoidedLine[] {
  const groups = [...Map.groupBy(all, avoidedKey).values()];
  return groups.slice(0, mostLines).flatMap(([first, ...others], at) => {
    if (first === undefined) return [];
    const rest = others.length === 0 ? '' : ` and ${counted(others.length, 'other')}`;
    const left = at === mostLines - 1 ? groups.length - mostLines : 0;
    const more = left === 0 ? '' : ` (and ${String(left)} more like it)`;
    const slot = first.instance.slice(0, first.instance.lastIndexOf('@'));
    const text = avoidedText(first, `${nameOf(first.by)}${rest}`);
    return [{ slot, text: `${text}${probeText([first, ...others], now)}${more}` }];
  });
}

function probeText(all: readonly AvoidedStatus[], now: number): string {
  const probes = all.flatMap((one) => (one.kind === 'breaker' ? [one.probeAt] : []));
  if (probes.length === 0) return '';
  const waitMs = Math.min(...probes) - now;
  return waitMs > 0 ? `; the next probe in ${spokenTime(waitMs)}` : '; the next call probes';
}
