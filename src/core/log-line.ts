/**
 * One line of the app's one stream of logs, whoever wrote it: our logger, a service's `console.log`, the supervisor.
 */

export const logLevels = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof logLevels)[number];

/** In which file of a slot a line ends, and behind which byte: `out:1024`. Who reads that file again finds the same. */
export type SpoolPlace = `${'out' | 'err'}:${number}`;

/** A line before it has its place in the stream. */
export interface NewLogLine {
  /** Epoch milliseconds. */
  readonly time: number;
  readonly level: LogLevel;
  /** `users#1@3`, or `supervisor`. */
  readonly instance: string;
  readonly service: string;
  /** Of the instance: the n-th process of its slot. */
  readonly epoch?: number;
  readonly message: string;
  /** All lines of a trace that was written as several. The message is the one that says what happened. */
  readonly stack?: string;
  /** Where a text that was no structured line came from. */
  readonly stream?: 'stdout' | 'stderr';
  readonly requestId?: string;
  readonly fields?: Readonly<Record<string, unknown>>;
  /** Not where the file may be emptied under the reader. */
  readonly at?: SpoolPlace;
}

export interface LogLine extends NewLogLine {
  /** Only grows, over the lives of several supervisors too: generation * 2^32 + n. */
  readonly seq: number;
}

/** How far back lines are remembered, and why no further. */
export interface LogMemory {
  /** Epoch milliseconds. */
  readonly since: number;
  readonly why: 'the app was started' | 'a new supervisor' | 'no more are kept';
}

export const levelAtLeast = (level: LogLevel, least: LogLevel): boolean =>
  logLevels.indexOf(level) >= logLevels.indexOf(least);

/** Control characters never reach a terminal, forge a second line or turn a line around: they are shown as escapes. */
export const escapeControls = (text: string): string =>
  text.replaceAll(
    /[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
