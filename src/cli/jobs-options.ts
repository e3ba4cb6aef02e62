/** What `tutti jobs` takes beside its arguments; each deed some of it. */
import { jobStates } from '../core/job-view.ts';
import type { JobStateName } from '../core/job-view.ts';
import { shown } from '../core/options.ts';
import type { AppConnection } from './app-connection.ts';
import type { CommandOptions, OptionSpec } from './command.ts';
import type { Io } from './io.ts';
import { parseDuration, parseLimit, usage } from './parse-option.ts';
import { jsonOption } from './shared-options.ts';

/** Here `--after` is no number: a list is gone on with by what its last page said. */
export interface JobsOptions extends Omit<CommandOptions, 'after'> {
  readonly state?: JobStateName;
  readonly limit?: number;
  readonly after?: string;
  readonly jobId?: string;
  /** Milliseconds. */
  readonly delay?: number;
  readonly priority?: number;
  readonly reason?: string;
  /** Milliseconds. */
  readonly older?: number;
  readonly untilEmpty?: boolean;
}

/** What one deed is about. */
export interface JobsAsk {
  readonly app: AppConnection;
  /** Empty where none was said. */
  readonly queue: string;
  /** The id of a job; or its input, as JSON. */
  readonly second: string;
  readonly options: JobsOptions;
  readonly io: Io;
}

function parsePriority(text: string): number {
  if (/^\d$/.test(text)) return Number(text);
  throw usage(`expected a whole number from 0 to 9, got ${shown(text)}`);
}

export const jobsOptions: readonly OptionSpec[] = [
  { flags: '--state <state>', words: 'of list and clean: only these', choices: jobStates },
  {
    flags: '--limit <number>',
    words: 'of list and dead: so many; default 20, at most 250',
    parse: parseLimit,
  },
  { flags: '--after <cursor>', words: 'of list and dead: go on where the page before ended' },
  {
    flags: '--job-id <id>',
    words: 'of add: a name of its own; of two jobs with one name the second is not added',
  },
  { flags: '--delay <time>', words: 'of add: not before then, such as 10s or 2h', parse: parseDuration },
  { flags: '--priority <number>', words: 'of add: 0, the lowest, to 9; default 5', parse: parsePriority },
  { flags: '--reason <text>', words: 'of cancel: why; it is kept with the job' },
  { flags: '--older <time>', words: 'of clean: only what ended at least so long ago', parse: parseDuration },
  { flags: '--until-empty', words: 'of watch: end once nothing is waiting, delayed or running' },
  jsonOption,
];
