/** `on.durable({ attempts: 5 }, Order, handler)`: how a service wants events that must not be lost. */
import type { Problem } from '../core/options.ts';
import { checkOptions, fillOptions, isPlainObject } from '../core/options.ts';
import type { OptionsIn, OptionsOf } from '../core/options.ts';
import type { Random } from '../core/ports.ts';
import { backoffOptions, durableOptions } from './work-options.ts';

export interface DurableInput extends OptionsIn<typeof durableOptions> {
  readonly backoff?: OptionsIn<typeof backoffOptions>;
}

/** With all defaults, as the manifest has it. */
export interface DurableManifest extends OptionsOf<typeof durableOptions> {
  readonly backoff: OptionsOf<typeof backoffOptions>;
}

export const fillDurable = ({ backoff, ...options }: DurableInput): DurableManifest => ({
  ...fillOptions(durableOptions, options),
  backoff: fillOptions(backoffOptions, backoff),
});

export function checkDurable(value: unknown, path: string): Problem[] {
  if (!isPlainObject(value)) return checkOptions(durableOptions, value, path);
  const { backoff, ...options } = value;
  return [
    ...checkOptions(durableOptions, options, path),
    ...checkOptions(backoffOptions, backoff, `${path}.backoff`),
  ];
}

export interface DurablePolicy {
  readonly attempts: number;
  /** Of one instance. */
  readonly concurrency: number;
  readonly timeoutMs: number;
  /** Milliseconds until it is tried again, after so many attempts. */
  delayAfter(attempts: number, random: Random): number;
}

/** Doubles from try to try; a part of it by chance, so that what failed together does not come back together. */
export const durablePolicy = ({
  attempts,
  concurrency,
  timeoutMs,
  backoff,
}: DurableManifest): DurablePolicy => ({
  attempts,
  concurrency,
  timeoutMs,
  delayAfter: (failed, random) => {
    const whole = Math.min(backoff.maxDelayMs, backoff.delayMs * 2 ** (failed - 1));
    return Math.round(whole * (1 - (backoff.jitterPercent / 100) * random()));
  },
});
