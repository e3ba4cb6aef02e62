/**
 * A log line for people: `14:02:07.113 WARN  users#1@3  Sentence key=value`. Used by the supervisor's terminal and by `tutti logs`.
 * Whatever a service printed, no control character of it gets through.
 */
import type { LogLevel, LogLine } from './log-line.ts';
import { escapeControls } from './log-line.ts';
import type { Paint, Style } from './paint.ts';

const styleOf = {
  debug: 'gray',
  info: 'green',
  warn: 'yellow',
  error: 'red',
} as const satisfies Record<LogLevel, Style>;

const valueText = (value: unknown): string => {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return /\s/.test(text) ? JSON.stringify(text) : text;
};

export function printLogLine(line: LogLine, paint: Paint): string {
  const time = new Date(line.time).toISOString().slice(11, 23);
  const level = line.level.toUpperCase().padEnd(5);
  const head = `${paint('gray', time)} ${paint(styleOf[line.level], level)} ${paint('cyan', line.instance.padEnd(10))}`;
  const request = line.requestId === undefined ? {} : { requestId: line.requestId };
  const fields = Object.entries({ ...request, ...line.fields });
  const tail = fields.map(([key, value]) => `${key}=${valueText(value)}`).join(' ');
  const text = `${head} ${escapeControls(line.message)}`;
  return tail === '' ? text : `${text} ${paint('gray', escapeControls(tail))}`;
}
