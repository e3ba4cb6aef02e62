/**
 * Turns one line of a process's output into a line of the app's stream. Any bytes are a line; only our logger's JSON has fields.
 */
import type { LogLevel, LogLine } from '../core/log-line.ts';

export interface LineOrigin {
  readonly instance: string;
  readonly service: string;
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

export function readLogLine(text: string, origin: LineOrigin): LogLine {
  const { instance, service, stream, now } = origin;
  const line = structured(text);
  if (line === undefined)
    return {
      time: now,
      level: stream === 'stderr' ? 'error' : 'info',
      instance,
      service,
      message: text,
      stream,
    };
  // Who wrote it is known from the file; what the line claims of itself counts for nothing.
  const {
    level,
    time,
    msg,
    requestId,
    instance: _instance,
    service: _service,
    pid: _pid,
    hostname: _host,
    ...fields
  } = line as PinoLine & LogFieldsOf;
  return {
    time,
    level: levelOfNumber(level),
    instance,
    service,
    message: msg,
    ...(typeof requestId === 'string' ? { requestId } : {}),
    ...(Object.keys(fields).length === 0 ? {} : { fields }),
  };
}

type LogFieldsOf = Readonly<Record<string, unknown>>;
