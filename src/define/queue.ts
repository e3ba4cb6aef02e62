/**
 * `defineQueue('mail', { input: Mail, attempts: 5 })`: a kind of work that is stored before it is acknowledged, and done later by whichever process has a
 * worker for it. Who adds jobs and who runs them import the same definition.
 */
import { isName } from '../core/ids.ts';
import type { Problem } from '../core/options.ts';
import { checkOptions, fillOptions, isPlainObject, shown, unknownKeys } from '../core/options.ts';
import type { OptionsIn, OptionsOf } from '../core/options.ts';
import type { Random } from '../core/ports.ts';
import {
  backoffOptions,
  keepDoneOptions,
  keepFailedOptions,
  queueOptions,
  rateLimitOptions,
  workerOptions,
} from './work-options.ts';
import { isSchema } from './schema.ts';
import type { Schema } from './schema.ts';

export interface QueueBackoff extends OptionsIn<typeof backoffOptions> {
  /** `exponential`, the default: the delay doubles from attempt to attempt. `fixed`: it stays. */
  readonly type?: 'exponential' | 'fixed';
}

export interface QueueOptions extends OptionsIn<typeof queueOptions> {
  readonly backoff?: QueueBackoff;
  readonly rateLimit?: { readonly max: number; readonly perMs?: number };
  /** What remains of jobs that have ended. */
  readonly keep?: {
    readonly done?: OptionsIn<typeof keepDoneOptions>;
    readonly failed?: OptionsIn<typeof keepFailedOptions>;
  };
}

export interface QueueInput<I extends Schema, O extends Schema> extends QueueOptions {
  /** Held against each job when it is added, and again when it runs. */
  readonly input: I;
  /** Of what its handler gives. */
  readonly output?: O;
}

export interface Queue<
  Name extends string = string,
  I extends Schema = Schema,
  O extends Schema | undefined = Schema | undefined,
> {
  readonly kind: 'queue';
  readonly name: Name;
  readonly input: I;
  readonly output: O;
  /** As given. */
  readonly options: QueueOptions;
}

/** With all defaults, as the manifest has it. */
export interface QueueManifest extends OptionsOf<typeof queueOptions> {
  /** Of one process. */
  readonly concurrency: number;
  readonly backoff: OptionsOf<typeof backoffOptions> & { readonly type: 'exponential' | 'fixed' };
  readonly rateLimit?: { readonly max: number; readonly perMs: number };
  readonly keep: {
    readonly done: OptionsOf<typeof keepDoneOptions>;
    readonly failed: OptionsOf<typeof keepFailedOptions>;
  };
}

export type WorkerInput = OptionsIn<typeof workerOptions>;

/** What `queues: (worker) => ({ mail: worker(mail, {...}, handler) })` gives. */
export interface WorkerDefinition {
  readonly queue: Queue;
  readonly options: WorkerInput;
  readonly handle: (handling: never) => unknown;
}

export function defineQueue<const Name extends string, I extends Schema, O extends Schema = Schema>(
  name: Name,
  { input, output, ...options }: QueueInput<I, O>,
): Queue<Name, I, O> {
  return { kind: 'queue', name, input, output: output as O, options };
}

export function fillQueue(options: QueueOptions, worker: WorkerInput): QueueManifest {
  const { backoff: { type = 'exponential', ...backoff } = {}, rateLimit, keep = {}, ...rest } = options;
  return {
    ...fillOptions(queueOptions, rest),
    ...fillOptions(workerOptions, worker),
    backoff: { ...fillOptions(backoffOptions, backoff), type },
    ...(rateLimit === undefined
      ? {}
      : { rateLimit: { max: rateLimit.max, perMs: rateLimit.perMs ?? 1_000 } }),
    keep: {
      done: fillOptions(keepDoneOptions, keep.done),
      failed: fillOptions(keepFailedOptions, keep.failed),
    },
  };
}

/** Milliseconds until a job is begun again, after so many attempts. A part of it by chance, so that what failed together does not come back together. */
export function jobDelay({ backoff }: QueueManifest, failed: number, random: Random): number {
  const whole = backoff.delayMs * (backoff.type === 'fixed' ? 1 : 2 ** (failed - 1));
  return Math.round(Math.min(backoff.maxDelayMs, whole) * (1 - (backoff.jitterPercent / 100) * random()));
}

function checkBackoff(given: unknown, path: string): Problem[] {
  if (!isPlainObject(given)) return checkOptions(backoffOptions, given, path);
  const { type, ...backoff } = given;
  const isKnown = type === undefined || type === 'exponential' || type === 'fixed';
  return [
    ...(isKnown
      ? []
      : [{ path: `${path}.type`, message: `expected exponential or fixed, got ${shown(type)}` }]),
    ...checkOptions(backoffOptions, backoff, path),
  ];
}

function checkKeep(given: unknown, path: string): Problem[] {
  if (given === undefined) return [];
  if (!isPlainObject(given)) return [{ path, message: `expected an object, got ${shown(given)}` }];
  return [
    ...unknownKeys(given, ['done', 'failed'], path),
    ...checkOptions(keepDoneOptions, given['done'], `${path}.done`),
    ...checkOptions(keepFailedOptions, given['failed'], `${path}.failed`),
  ];
}

function checkRate(given: unknown, path: string): Problem[] {
  const problems = checkOptions(rateLimitOptions, given, path);
  const isMissing = isPlainObject(given) && given['max'] === undefined;
  return isMissing
    ? [...problems, { path: `${path}.max`, message: 'say how many jobs may begin in each `perMs`' }]
    : problems;
}

/** Everything that is wrong with a worker and its queue. */
export function checkWorker(name: string, worker: unknown, path: string): Problem[] {
  const queue = isPlainObject(worker) ? worker['queue'] : undefined;
  if (!isPlainObject(worker) || !isPlainObject(queue) || queue['kind'] !== 'queue')
    return [{ path, message: `expected worker(queue, {...}, handler), got ${shown(worker)}` }];
  const { backoff, rateLimit, keep, ...options } = queue['options'] as Record<string, unknown>;
  return [
    ...(typeof queue['name'] === 'string' && isName(queue['name'])
      ? []
      : [{ path, message: 'a queue is named by letters, digits, "_" and "-"' }]),
    ...(queue['name'] === name
      ? []
      : [{ path, message: `the queue is called ${shown(queue['name'])}: give it that key` }]),
    ...(isSchema(queue['input'])
      ? []
      : [{ path: `${path}.input`, message: 'a queue has a schema as `input`' }]),
    ...(queue['output'] === undefined || isSchema(queue['output'])
      ? []
      : [{ path: `${path}.output`, message: `expected a schema, got ${shown(queue['output'])}` }]),
    ...checkOptions(queueOptions, options, path),
    ...checkBackoff(backoff, `${path}.backoff`),
    ...checkRate(rateLimit, `${path}.rateLimit`),
    ...checkKeep(keep, `${path}.keep`),
    ...checkOptions(workerOptions, worker['options'], path),
    ...(typeof worker['handle'] === 'function'
      ? []
      : [{ path, message: `expected a handler, got ${shown(worker['handle'])}` }]),
  ];
}
