/** What `tutti events` takes beside its arguments; each deed some of it. */
import { shown } from '../core/options.ts';
import type { AppConnection } from './app-connection.ts';
import type { CommandOptions, OptionSpec } from './command.ts';
import type { Io } from './io.ts';
import { parseLimit, parseMoment, usage } from './parse-option.ts';
import { jsonOption } from './shared-options.ts';

export interface EventsOptions extends CommandOptions {
  readonly limit?: number;
  /** Epoch milliseconds. */
  readonly until?: number;
  readonly event?: string;
}

/** What one deed is about. */
export interface EventsAsk {
  readonly app: AppConnection;
  /** A service, or the name of an event; empty where none was said. */
  readonly of: string;
  /** The number of an event. */
  readonly number: string | undefined;
  readonly options: EventsOptions;
  readonly io: Io;
}

export function parseNumber(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw usage(`expected the number of an event, as tutti events says it, got ${shown(text)}`);
}

const parseTime = (text: string): number => parseMoment(text, Date.now());

export const eventsOptions: readonly OptionSpec[] = [
  {
    flags: '--since <time>',
    words: 'of read and replay: what was kept since then: 2h ago, or 14:02, or 2026-05-01T12:00:00Z',
    parse: parseTime,
  },
  { flags: '--until <time>', words: 'of replay: what was kept until then; default now', parse: parseTime },
  { flags: '--event <name>', words: 'of replay: only this one of those that the service subscribes to' },
  { flags: '--limit <number>', words: 'of read: so many; default 20, at most 250', parse: parseLimit },
  {
    flags: '--after <number>',
    words: 'of read and dead: only what has a higher number',
    parse: parseNumber,
  },
  jsonOption,
];
