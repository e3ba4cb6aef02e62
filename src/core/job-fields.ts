/** Reads what a request about jobs carries, at the admin socket and at a gateway: each field is held against what it may be, and named where it is not. */
import { bounds } from './bounds.ts';
import { TuttiError } from './errors.ts';
import { isName } from './ids.ts';
import { isJobName, isJobText } from './job-id.ts';
import { shown } from './options.ts';
import { defaultPriority, highestPriority } from './waiting-line.ts';

/** By name, of a body or of a query. */
export type Fields = Readonly<Record<string, unknown>>;

/** Longest time that something is put off for: a hundred years. */
const longestMs = 3_155_760_000_000;

const invalid = (message: string): TuttiError => new TuttiError('INVALID_INPUT', { message });

/** The name is known later. */
export function queueField({ queue }: Fields): string {
  if (typeof queue === 'string' && isName(queue)) return queue;
  throw invalid(`queue is a name of letters, digits, "_" and "-", not ${shown(queue)}`);
}

export function idField({ id }: Fields): string {
  if (isJobText(id)) return id;
  throw invalid(`id is a text of 1 to ${String(bounds.jobIdChars)} characters, not ${shown(id)}`);
}

/** The name of a schedule. */
export function scheduleField({ name }: Fields): string {
  if (isJobText(name) && name.length <= bounds.scheduleNameChars) return name;
  throw invalid(`name is a text of 1 to ${String(bounds.scheduleNameChars)} characters, not ${shown(name)}`);
}

/** Undefined: it gets a number. */
export function jobIdField({ jobId }: Fields): string | null {
  if (jobId === undefined) return null;
  if (!isJobText(jobId))
    throw invalid(`jobId is a text of 1 to ${String(bounds.jobIdChars)} characters, not ${shown(jobId)}`);
  if (isJobName(jobId)) return jobId;
  throw invalid(
    `jobId is not all digits, since jobs without one are numbered: try "job-${jobId.slice(0, 20)}"`,
  );
}

/** Undefined: it is not there. */
function textField(fields: Fields, name: string, mostChars: number): string | undefined {
  const value = fields[name];
  if (value === undefined) return undefined;
  if (typeof value === 'string' && value.length <= mostChars && value.isWellFormed()) return value;
  throw invalid(`${name} is a text of at most ${String(mostChars)} characters, not ${shown(value)}`);
}

export const reasonField = (fields: Fields): string | undefined =>
  textField(fields, 'reason', bounds.jobError);

export const requestIdField = (fields: Fields): string | undefined =>
  textField(fields, 'requestId', bounds.identityChars);

export const afterField = (fields: Fields): string | undefined => textField(fields, 'after', 100);

interface WholeLimits {
  readonly least?: number;
  readonly most: number;
}

function wholeField(fields: Fields, name: string, { least = 0, most }: WholeLimits): number | undefined {
  const value = fields[name];
  if (value === undefined) return undefined;
  if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) return value;
  throw invalid(`${name} is a whole number from ${String(least)} to ${String(most)}, not ${shown(value)}`);
}

/** Of a query, where it is a text. */
export function limitField({ limit }: Fields): number {
  const number = typeof limit === 'string' && /^\d{1,9}$/.test(limit) ? Number(limit) : limit;
  return wholeField({ limit: number }, 'limit', { least: 1, most: bounds.jobPage }) ?? bounds.jobPage;
}

export const priorityField = (fields: Fields): number =>
  wholeField(fields, 'priority', { most: highestPriority }) ?? defaultPriority;

export const delayField = (fields: Fields): number => wholeField(fields, 'delayMs', { most: longestMs }) ?? 0;

export const olderField = (fields: Fields): number =>
  wholeField(fields, 'olderThanMs', { most: longestMs }) ?? 0;

/** Undefined: it is not there. */
export function stateField<T extends string>({ state }: Fields, of: readonly T[]): T | undefined {
  const found = of.find((one) => one === state);
  if (found !== undefined || state === undefined) return found;
  throw invalid(`state is ${of.slice(0, -1).join(', ')} or ${String(of.at(-1))}, not ${shown(state)}`);
}
