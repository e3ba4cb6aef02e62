/**
 * A log line for people: `14:02:07.113 WARN  users#1@3  Sentence  key=value`. Used by the start screen and by `tutti logs`.
 */
import { styleText } from 'node:util';
import type { LogLevel, LogLine } from '../core/log-line.ts';
import { escapeControls } from '../core/log-line.ts';

const color = { debug: 'gray', info: 'green', warn: 'yellow', error: 'red' } as const satisfies Record<LogLevel, string>;

const valueText = (value: unknown): string => {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return /\s/.test(text) ? JSON.stringify(text) : text;
};

export function printLogLine(line: LogLine, colors: boolean): string {
  const paint = (style: Parameters<typeof styleText>[0], text: string): string => (colors ? styleText(style, text, { validateStream: false }) : text);
  const time = new Date(line.time).toISOString().slice(11, 23);
  const fields = Object.entries({ ...(line.requestId === undefined ? {} : { requestId: line.requestId }), ...line.fields });
  const tail = fields.map(([key, value]) => `${key}=${valueText(value)}`).join(' ');
  const level = paint(color[line.level], line.level.toUpperCase().padEnd(5));
  return [paint('gray', time), level, paint('cyan', line.instance.padEnd(10)), escapeControls(line.message), ...(tail === '' ? [] : [paint('gray', escapeControls(tail))])].join(' ');
}
