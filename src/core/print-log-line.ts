/**
 * A log line for people: `14:02:07.113 WARN  users#1@3  Sentence key=value`, the lines of a trace indented below it; and for programs.
 * Used by the supervisor's terminal, its log file and by `tutti logs`. Whatever a service printed, no control character of it gets through.
 */
import type { LogLevel, LogLine, NewLogLine } from './log-line.ts';
import { escapeControls } from './log-line.ts';
import type { Paint, Style } from './paint.ts';
import { isStack, shortStack } from './short-stack.ts';

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

const digits = (value: number, count = 2): string => String(value).padStart(count, '0');

/** Of the clock that hangs where the reader is: people compare it with theirs. */
export const clockTime = (at: Date): string =>
  `${digits(at.getHours())}:${digits(at.getMinutes())}:${digits(at.getSeconds())}.${digits(at.getMilliseconds(), 3)}`;

/** What the stream tells already, line by line: who reads JSON finds it in place. */
const onlyForPrograms: ReadonlySet<string> = new Set(['lastLines']);

interface Shown {
  readonly key: string;
  readonly value: unknown;
  /** Below the line. */
  readonly stack: readonly string[];
}

/** A stack is no value on a line: its first line is, and the rest stands below. */
function shownField([key, value]: [string, unknown]): Shown {
  if (typeof value !== 'string' || !isStack(value)) return { key, value, stack: [] };
  const [head = '', ...stack] = value.split('\n');
  return { key, value: head, stack };
}

function shownFields({ requestId, fields, instance }: NewLogLine): Shown[] {
  const all = Object.entries({ ...(requestId === undefined ? {} : { requestId }), ...fields });
  return all.filter(([key]) => !(instance === 'supervisor' && onlyForPrograms.has(key))).map(shownField);
}

/** @param folder from where it is read: paths in stacks are told from there. */
export function printLogLine(line: NewLogLine, paint: Paint, folder?: string): string {
  const time = clockTime(new Date(line.time));
  const level = line.level.toUpperCase().padEnd(5);
  const head = `${paint('gray', time)} ${paint(styleOf[line.level], level)} ${paint('cyan', line.instance.padEnd(10))}`;
  const fields = shownFields(line);
  const tail = fields.map(({ key, value }) => `${key}=${valueText(value)}`).join(' ');
  const text = `${head} ${escapeControls(line.message)}`;
  const below = [...stackOf(line), ...fields.flatMap(({ stack }) => stack)];
  const stack = shortStack(below, folder).map((each) => `\n    ${paint('gray', escapeControls(each))}`);
  return (tail === '' ? text : `${text} ${paint('gray', escapeControls(tail))}`) + stack.join('');
}

/** Indented, so that none of its lines can pass for a line of the stream. */
const stackOf = ({ message, stack }: NewLogLine): string[] =>
  stack?.split('\n').filter((text) => text !== message && text !== '') ?? [];

let last: { readonly line: LogLine; readonly text: string } | undefined;

/** JSON on one line. JSON leaves some control characters as they are; as escapes they are the same JSON. */
export function logLineJson(line: LogLine): string {
  // The pipe and the file are given the same line one after the other: it is made into text once.
  if (last?.line !== line)
    last = {
      line,
      text: escapeControls(JSON.stringify({ ...line, time: new Date(line.time).toISOString() })),
    };
  return last.text;
}
