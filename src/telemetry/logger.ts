/**
 * The logger of an instance: pino's JSON lines on stdout, which the keeper has opened as a file, so writing never waits for a reader.
 * pino is loaded with the first line: most replicas of most services say nothing while they start.
 */
import { createRequire } from 'node:module';
import type { Logger as Pino, pino as MakePino } from 'pino';
import type { LogLevel } from '../core/log-line.ts';
import { levelAtLeast } from '../core/log-line.ts';
import { guardedOutput } from './guarded-output.ts';

export type LogFields = Readonly<Record<string, unknown>>;
export type Logger = Readonly<Record<LogLevel, (sentence: string, fields?: LogFields) => void>>;

const secretField = /pass(word|wd)?$|secret|token$|api_?key|authorization|cookie|credential/i;
const hidden = '(hidden)';

/**
 * A value as it may be written: what is named like a secret is hidden, an Error is its stack (as JSON it would be `{}`).
 * Three levels deep; what lies deeper is no business of a log line, and could hold anything.
 */
function clean(value: unknown, depth: number): unknown {
  if (value instanceof Error) return value.stack ?? value.message;
  if (ArrayBuffer.isView(value)) return `(${String(value.byteLength)} bytes)`;
  // A date, a URL: they say themselves what they are as JSON.
  if (typeof value !== 'object' || value === null || 'toJSON' in value) return value;
  if (depth === 0) return '(deeper)';
  return Array.isArray(value)
    ? value.map((item) => clean(item, depth - 1))
    : redact(value as LogFields, depth);
}

export const redact = (fields: LogFields, depth = 3): LogFields =>
  Object.fromEntries(
    Object.entries(fields).map(([key, value]) => [
      key,
      secretField.test(key) ? hidden : clean(value, depth - 1),
    ]),
  );

/** A field must not pass for what the line says of itself. */
const ownKeys: ReadonlySet<string> = new Set([
  'level',
  'time',
  'msg',
  'pid',
  'hostname',
  'service',
  'instance',
]);

const renamed = (fields: LogFields): LogFields =>
  Object.fromEntries(
    Object.entries(fields).map(([key, value]) => [ownKeys.has(key) ? `${key}_` : key, value]),
  );

export interface LoggerNeeds {
  readonly level: LogLevel;
  /** In every line: service, instance. */
  readonly bindings: LogFields;
  /** Added at the time of the line: the request id of the call that runs. */
  readonly context: () => LogFields;
}

function openPino({ level, bindings }: LoggerNeeds): Pino {
  const { pino } = createRequire(import.meta.url)('pino') as { readonly pino: typeof MakePino };
  const output = guardedOutput(1);
  return pino(
    { level, base: bindings },
    {
      write: (line: string) => {
        output.write(line);
      },
    },
  );
}

/** A process without a descriptor cannot load pino, and that may be what its first line is about. */
function tryPino(needs: LoggerNeeds): Pino | undefined {
  try {
    return openPino(needs);
  } catch {
    return undefined;
  }
}

const levelNumbers: Readonly<Record<LogLevel, number>> = { debug: 20, info: 30, warn: 40, error: 50 };

/** As pino writes it. */
const plainLine = (level: LogLevel, fields: LogFields): string =>
  `${JSON.stringify({ level: levelNumbers[level], time: Date.now(), ...fields })}\n`;

export function makeLogger(needs: LoggerNeeds): Logger {
  let opened: Pino | undefined;
  const write = (level: LogLevel, sentence: string, fields: LogFields = {}): void => {
    if (!levelAtLeast(level, needs.level)) return;
    try {
      const all = { ...needs.context(), ...renamed(redact(fields)) };
      opened ??= tryPino(needs);
      if (opened !== undefined) opened[level](all, sentence);
      else guardedOutput(1).write(plainLine(level, { ...needs.bindings, ...all, msg: sentence }));
    } catch {
      guardedOutput(1).lose();
    }
  };
  return {
    debug: (sentence, fields) => {
      write('debug', sentence, fields);
    },
    info: (sentence, fields) => {
      write('info', sentence, fields);
    },
    warn: (sentence, fields) => {
      write('warn', sentence, fields);
    },
    error: (sentence, fields) => {
      write('error', sentence, fields);
    },
  };
}

/** For places where nobody listens: tests, and parts that must have one. */
export const silentLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};
