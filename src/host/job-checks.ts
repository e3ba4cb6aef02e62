/** What is held against whoever asks for jobs and schedules, before it leaves: JavaScript gives what it likes. */
import { bounds } from '../core/bounds.ts';
import { TuttiError } from '../core/errors.ts';
import { isName } from '../core/ids.ts';
import { isJobName, isJobText } from '../core/job-id.ts';
import { shown } from '../core/options.ts';
import { defaultPriority, isPriority } from '../core/waiting-line.ts';
import type { JobOptions } from '../define/jobs.ts';
import type { Queue } from '../define/queue.ts';
import { inputIssues } from '../define/schema.ts';
import type { SchemaResult } from '../define/schema.ts';
import { currentContext } from '../mesh/context.ts';
import { writeKept } from '../mesh/kept-event.ts';
import { afterwards, validator } from './validate.ts';
import type { Validate } from './validate.ts';

export const invalid = (message: string): TuttiError => new TuttiError('INVALID_INPUT', { message });

/** JavaScript gives what it likes. */
export function nameOf(queue: Queue): string {
  const { kind, name } = queue as { readonly kind: unknown; readonly name: unknown };
  if (kind === 'queue' && typeof name === 'string' && isName(name)) return name;
  throw invalid(`Expected a queue, as defineQueue() gives it, got ${shown(queue)}`);
}

export function checkedText(text: unknown, what: string, mostChars: number = bounds.jobIdChars): string {
  if (isJobText(text) && text.length <= mostChars) return text;
  throw invalid(`${what} is a text of 1 to ${String(mostChars)} characters`);
}

function checkedId(id: unknown): string {
  const text = checkedText(id, 'A jobId');
  if (isJobName(text)) return text;
  throw invalid(
    `A jobId is not all digits, since jobs without one are numbered: try "job-${text.slice(0, 20)}"`,
  );
}

export function checkedReason(reason: unknown): string {
  if (typeof reason === 'string' && reason.isWellFormed()) return reason;
  throw invalid('The reason of a cancellation is a text');
}

export function checkedWhole(value: unknown, what: string, most: number): number {
  if (Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= most)
    return value as number;
  throw invalid(`${what} is a whole number from 0 to ${String(most)}, not ${shown(value)}`);
}

/** Longest time that something is put off for: a hundred years. */
export const longestMs = 3_155_760_000_000;

export function optionsOf({
  jobId,
  priority = defaultPriority,
  delayMs,
  runAt,
  lifo,
  deduplication,
}: JobOptions): object {
  if (!isPriority(priority)) throw invalid('priority is a whole number from 0 to 9');
  if (delayMs !== undefined && runAt !== undefined) throw invalid('A job has a delayMs or a runAt, not both');
  if (runAt !== undefined && !(runAt instanceof Date && Number.isFinite(runAt.getTime())))
    throw invalid('runAt is a Date');
  return {
    ...{ id: jobId === undefined ? null : checkedId(jobId), priority, lifo: lifo === true },
    ...(delayMs === undefined ? {} : { delayMs: checkedWhole(delayMs, 'delayMs', longestMs) }),
    ...(runAt === undefined ? {} : { runAt: runAt.getTime() }),
    ...(deduplication === undefined ? {} : { dedup: dedupOf(deduplication) }),
  };
}

function dedupOf({ id, ttlMs }: NonNullable<JobOptions['deduplication']>): object {
  const ttl = ttlMs === undefined ? {} : { ttlMs: checkedWhole(ttlMs, 'deduplication.ttlMs', longestMs) };
  return { id: checkedText(id, 'deduplication.id'), ...ttl };
}

const validators = new WeakMap<Queue, Validate>();

/** As it was given: it is held against the schema once more when it runs. */
function unlessUnfit<T>(queue: Queue, input: unknown, next: () => T): T | Promise<T> {
  let validate = validators.get(queue);
  if (validate === undefined) validators.set(queue, (validate = validator(queue.input)));
  return afterwards(validate(input), ({ issues }: SchemaResult<unknown>) => {
    if (issues === undefined) return next();
    const message = `The input does not fit the schema of the queue ${queue.name}`;
    throw new TuttiError('INVALID_INPUT', { message, issues: inputIssues(issues) });
  });
}

/** A promise when the schema gives one. */
export function bodyOf(queue: Queue, input: unknown): string | Promise<string> {
  const context = currentContext();
  const limit = { what: `The input of a job of ${queue.name}`, limitBytes: bounds.jobInputBytes };
  return unlessUnfit(queue, input, () => writeKept(input, context, limit));
}

/** Of jobs to come, for ever: they are made for whom the schedule was made, and are no part of the request that made it. */
export async function scheduleBodyOf(queue: Queue, input: unknown): Promise<string> {
  const { user, tenant, metadata } = currentContext() ?? {};
  const context = { user, tenant, ...(metadata && { metadata }) };
  const limit = { what: `The input of a schedule of ${queue.name}`, limitBytes: bounds.scheduleInputBytes };
  return unlessUnfit(queue, input, () => writeKept(input, context, limit));
}
