/** The numbers of durable events and of queues, as `options.ts` has those of an app file. */
import type { OptionTable } from '../core/options.ts';

export const durableOptions = {
  attempts: {
    kind: 'whole',
    default: 10,
    min: 1,
    max: 1_000,
    unit: 'attempts',
    doc: 'How often an event is delivered before it is given up and kept with the dead ones.',
  },
  concurrency: {
    kind: 'whole',
    default: 10,
    min: 1,
    max: 1_000,
    unit: 'events',
    doc: 'How many of them one instance handles at once.',
  },
  timeoutMs: {
    kind: 'whole',
    default: 60_000,
    min: 1,
    max: 3_600_000,
    unit: 'ms',
    doc: 'How long its handler may take; beyond it the attempt has failed.',
  },
} as const satisfies OptionTable;

export const backoffOptions = {
  delayMs: {
    kind: 'whole',
    default: 1_000,
    min: 1,
    max: 86_400_000,
    unit: 'ms',
    doc: 'Until the second attempt; it doubles from attempt to attempt.',
  },
  maxDelayMs: {
    kind: 'whole',
    default: 300_000,
    min: 1,
    max: 86_400_000,
    unit: 'ms',
    doc: 'Never longer.',
  },
  jitterPercent: {
    kind: 'whole',
    default: 20,
    min: 0,
    max: 100,
    unit: '%',
    doc: 'How much of it is left to chance.',
  },
} as const satisfies OptionTable;

export const queueOptions = {
  attempts: {
    kind: 'whole',
    default: 3,
    min: 1,
    max: 1_000,
    unit: 'attempts',
    doc: 'How often a job is begun before it has failed for good. A death of its process uses one up, as an error does.',
  },
  timeoutMs: {
    kind: 'whole',
    default: 60_000,
    min: 1,
    max: 86_400_000,
    unit: 'ms',
    doc: 'How long one attempt may take; beyond it its signal aborts and the attempt has failed.',
  },
  limit: {
    kind: 'whole',
    default: undefined,
    min: 1,
    max: 1_000,
    unit: 'jobs',
    doc: 'How many of its jobs run at once in all processes together. Default: as many as they take.',
  },
} as const satisfies OptionTable;

export const rateLimitOptions = {
  max: {
    kind: 'whole',
    default: undefined,
    min: 1,
    max: 1_000_000,
    unit: 'jobs',
    doc: 'How many are begun in each `perMs`, in all processes together. Has to be given.',
  },
  perMs: {
    kind: 'whole',
    default: 1_000,
    min: 1,
    max: 86_400_000,
    unit: 'ms',
    doc: 'It begins with the first of them.',
  },
} as const satisfies OptionTable;

const keepCount = {
  kind: 'whole',
  default: 10_000,
  min: 0,
  max: 10_000_000,
  unit: 'jobs',
  doc: 'Beyond so many the oldest go.',
} as const;

export const keepDoneOptions = {
  ageMs: {
    kind: 'whole',
    default: 86_400_000,
    min: 0,
    max: 31_622_400_000,
    unit: 'ms',
    doc: 'How long a job that is done or cancelled can be asked for.',
  },
  count: keepCount,
} as const satisfies OptionTable;

export const keepFailedOptions = {
  ageMs: {
    kind: 'whole',
    default: 1_209_600_000,
    min: 0,
    max: 31_622_400_000,
    unit: 'ms',
    doc: 'How long a job that failed for good is kept, to be looked at or tried once more.',
  },
  count: keepCount,
} as const satisfies OptionTable;

export const workerOptions = {
  concurrency: {
    kind: 'whole',
    default: 10,
    min: 1,
    max: 1_000,
    unit: 'jobs',
    doc: 'How many jobs of the queue one process runs at once.',
  },
} as const satisfies OptionTable;

export const isolateOptions = {
  graceMs: {
    kind: 'whole',
    default: 5_000,
    min: 1,
    max: 3_600_000,
    unit: 'ms',
    doc: 'How long a job may go on after its signal has aborted; beyond it its process is killed, and a new one follows.',
  },
} as const satisfies OptionTable;
