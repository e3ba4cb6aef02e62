/**
 * What a command is: its words, which become help, reference page and completion, and what it does.
 * One file per command gives one of these; `commands.ts` lists them.
 */
import type { TimeSpan } from '../core/explain.ts';
import type { LogLevel } from '../core/log-line.ts';
import type { Io } from './io.ts';
import type { Outcome } from './outcome.ts';
import type { SortKey } from './sort-rows.ts';

interface ArgumentSpec {
  /** `<action>` is needed, `[json]` is not, `[service...]` may be many. */
  readonly syntax: string;
  readonly words: string;
  readonly choices?: readonly string[];
}

export interface OptionSpec {
  /** `-f, --follow`, `--since <time>` */
  readonly flags: string;
  readonly words: string;
  readonly choices?: readonly string[];
  /** @throws {TuttiError} `INVALID_INPUT` */
  readonly parse?: (text: string) => unknown;
}

/** Every option of every command, as parsed. */
export interface CommandOptions {
  readonly app?: string;
  readonly json?: boolean;
  readonly detach?: boolean;
  /** Milliseconds. */
  readonly wait?: number;
  readonly follow?: boolean;
  /** Epoch milliseconds. */
  readonly since?: number;
  readonly level?: LogLevel;
  readonly grep?: RegExp;
  readonly at?: TimeSpan;
  /** Sequence number of an event. */
  readonly after?: number;
  readonly watch?: boolean;
  readonly rolling?: boolean;
  readonly sort?: SortKey;
  /** Milliseconds. */
  readonly deadline?: number;
  readonly envelope?: boolean;
}

export interface Invocation {
  readonly args: readonly string[];
  readonly options: CommandOptions;
  readonly io: Io;
}

interface Example {
  readonly line: string;
  readonly words: string;
}

export interface CommandSpec {
  readonly name: string;
  readonly summary: string;
  /** What one should know beside the summary. */
  readonly details?: string;
  readonly arguments?: readonly ArgumentSpec[];
  readonly options?: readonly OptionSpec[];
  readonly examples: readonly [Example, Example];
  /** For ourselves: not in help, reference and completion. */
  readonly hidden?: boolean;
  readonly run: (invocation: Invocation) => Promise<Outcome>;
}
