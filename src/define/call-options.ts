/**
 * What services, actions and app files may say of calls that is a number or a switch. `docs/reference/options.md` is checked against it.
 */
import { bounds } from '../core/bounds.ts';
import { breakerLimits } from '../core/breaker.ts';
import type { OptionTable } from '../core/options.ts';
import { retryLimits } from '../core/retry-budget.ts';

/** Of a service, and of one action. */
export const callOptions = {
  deadlineMs: {
    kind: 'whole',
    default: bounds.callMs,
    min: 1,
    max: 3_600_000,
    unit: 'ms',
    doc: 'How long a call that names no time may take. Not of streams.',
  },
  retries: {
    kind: 'whole',
    default: retryLimits.retries,
    max: retryLimits.retries,
    unit: 'times',
    doc: 'How often a call may be made once more, where that is harmless: `idempotent: true`, or a key.',
  },
} as const satisfies OptionTable;

/** Of a service alone: these are of its instances. */
export const comparisonOptions = {
  outliers: {
    kind: 'boolean',
    default: true,
    doc: 'Instances that are far slower than the others, or fail more, are asked less.',
  },
} as const satisfies OptionTable;

export const breakerOptions = {
  inARow: {
    kind: 'whole',
    default: breakerLimits.inARow,
    min: 1,
    max: 1_000,
    unit: 'failures',
    doc: 'So many one after the other open it.',
  },
  percent: {
    kind: 'whole',
    default: breakerLimits.percent,
    min: 1,
    max: 100,
    unit: '%',
    doc: 'Or this part of the calls of ten seconds that failed.',
  },
  fewest: {
    kind: 'whole',
    default: breakerLimits.fewest,
    min: 1,
    max: 10_000,
    unit: 'calls',
    doc: 'Of fewer calls in ten seconds `percent` is not asked for.',
  },
  probeAfterMs: {
    kind: 'whole',
    default: breakerLimits.probeAfterMs,
    min: 10,
    max: 3_600_000,
    unit: 'ms',
    doc: 'From its opening to the first call that probes; twice as long after each that fails.',
  },
  longestProbeAfterMs: {
    kind: 'whole',
    default: breakerLimits.longestProbeAfterMs,
    min: 10,
    max: 3_600_000,
    unit: 'ms',
    doc: 'And never longer than this.',
  },
} as const satisfies OptionTable;
