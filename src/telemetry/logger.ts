/**
 * The logger of an instance: pino's JSON lines on stdout, which the keeper has opened as a file, so writing never waits for a reader.
 * pino is loaded with the first line: most replicas of most services say nothing while they start.
 */
import { createRequire } from 'node:module';
import type { Logger as Pino } from 'pino';
import type { LogLevel } from '../core/log-line.ts';
import { levelAtLeast } from '../core/log-line.ts';

export type LogFields = Readonly<Record<string, unknown>>;
export type Logger = Readonly<Record<LogLevel, (sentence: string, fields?: LogFields) => void>>;

const secretField = /pass(word|wd)?$|secret|token$|api_?key|authorization|cookie|credential/i;
const hidden = '(hidden)';

/** Fields whose name says that they are secret lose their value, three levels deep; deeper things are no business of a log line. */
export function redact(fields: LogFields, depth = 3): LogFields {
  return Object.fromEntries(
    Object.entries(fields).map(([key, value]) => {
      if (secretField.test(key)) return [key, hidden];
      const nested = typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Error) && depth > 1;
      return [key, nested ? redact(value as LogFields, depth - 1) : value];
    }),
  );
}

export interface LoggerNeeds {
  readonly level: LogLevel;
  /** In every line: service, instance. */
  readonly bindings: LogFields;
  /** Added at the time of the line: the request id of the call that runs. */
  readonly context: () => LogFields;
}

/** A full disk or a closed terminal must not end a service: what could not be written is counted. */
export const lostLogLines = { count: 0 };

function openPino({ level, bindings }: LoggerNeeds): Pino {
  const pino = createRequire(import.meta.url)('pino') as typeof import('pino');
  const destination = pino.destination({ fd: 1, sync: true });
  destination.on('error', () => {
    lostLogLines.count += 1;
  });
  return pino({ level, base: bindings }, destination);
}

export function makeLogger(needs: LoggerNeeds): Logger {
  let opened: Pino | undefined;
  const write = (level: LogLevel, sentence: string, fields: LogFields = {}): void => {
    if (!levelAtLeast(level, needs.level)) return;
    opened ??= openPino(needs);
    try {
      opened[level]({ ...needs.context(), ...redact(fields) }, sentence);
    } catch {
      lostLogLines.count += 1;
    }
  };
  return {
    debug: (sentence, fields) => { write('debug', sentence, fields); },
    info: (sentence, fields) => { write('info', sentence, fields); },
    warn: (sentence, fields) => { write('warn', sentence, fields); },
    error: (sentence, fields) => { write('error', sentence, fields); },
  };
}

/** For places where nobody listens: tests, and parts that must have one. */
export const silentLogger: Logger = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
