/**
 * Turns one line of a process's output into a line of the app's stream. Any bytes are a line; only our logger's JSON has fields.
 */
import type { LogLevel, NewLogLine, SpoolPlace } from '../core/log-line.ts';

export interface LineOrigin {
  readonly instance: string;
  readonly service: string;
  readonly epoch?: number;
  readonly stream: 'stdout' | 'stderr';
  /** For lines that do not say when. */
  readonly now: number;
}

const levelOfNumber = (level: number): LogLevel =>
  level >= 50 ? 'error' : level >= 40 ? 'warn' : level >= 30 ? 'info' : 'debug';

interface PinoLine {
  readonly level: number;
  readonly time: number;
  readonly msg: string;
  readonly requestId?: unknown;
}

/** Beyond it no date can be shown. */
const lastDate = 8.64e15;
/** A line that opens more lists and objects than this is kept as text: to write it again takes a stack that deep. */
const mostBrackets = 1_000;

const opensTooMany = (text: string): boolean =>
  text.length > mostBrackets && (text.match(/[[{]/g)?.length ?? 0) > mostBrackets;

const isPinoLine = (value: unknown): value is PinoLine => {
  if (typeof value !== 'object' || value === null) return false;
  const { level, time, msg } = value as Record<string, unknown>;
  return (
    typeof level === 'number' &&
    typeof time === 'number' &&
    Math.abs(time) <= lastDate &&
    typeof msg === 'string'
  );
};

function structured(text: string): PinoLine | undefined {
  if (!text.startsWith('{"level":') || opensTooMany(text)) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return isPinoLine(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** What is known of a line beside its text. */
interface LineKnown {
  readonly at?: SpoolPlace | undefined;
  readonly stack?: string | undefined;
}

export function readLogLine(text: string, origin: LineOrigin, { at, stack }: LineKnown = {}): NewLogLine {
  const { instance, service, epoch, stream, now } = origin;
  const line = structured(text);
  // Field by field, and none that is not there: this runs for every line that any service writes.
  const read: Writable<NewLogLine> =
    line === undefined
      ? { time: now, level: stream === 'stderr' ? 'error' : 'info', instance, service, message: text, stream }
      : { time: line.time, level: levelOfNumber(line.level), instance, service, message: line.msg };
  if (epoch !== undefined) read.epoch = epoch;
  if (stack !== undefined) read.stack = stack;
  if (line !== undefined) addFields(read, line);
  if (at !== undefined) read.at = at;
  return read;
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** Who wrote it is known from the file; what the line claims of itself counts for nothing. */
const claims: ReadonlySet<string> = new Set([
  'level',
  'time',
  'msg',
  'requestId',
  'instance',
  'service',
  'pid',
  'hostname',
]);

function addFields(read: Writable<NewLogLine>, line: PinoLine): void {
  if (typeof line.requestId === 'string') read.requestId = line.requestId;
  const fields = Object.entries(line).filter(([key]) => !claims.has(key));
  // fromEntries defines: a field named __proto__ is a field.
  if (fields.length > 0) read.fields = Object.fromEntries(fields);
}
