/**
 * One stream of all that the app says: remembers the last lines, bounded, and hands every line to who follows.
 */
import { bounds } from '../../core/bounds.ts';
import type { LogLevel, LogLine } from '../../core/log-line.ts';
import { levelAtLeast } from '../../core/log-line.ts';
import type { Clock } from '../../core/ports.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { redact } from '../../telemetry/logger.ts';

export type LogListener = (line: LogLine) => void;

export class LogHub {
  readonly #lines: LogLine[] = [];
  readonly #listeners = new Set<LogListener>();
  readonly #clock: Clock;
  readonly #level: LogLevel;

  constructor(clock: Clock, level: LogLevel) {
    this.#clock = clock;
    this.#level = level;
  }

  add(line: LogLine): void {
    this.#lines.push(line);
    // Cut in larger steps: a shift per line would move ten thousand entries each time.
    if (this.#lines.length > bounds.logLines * 1.1)
      this.#lines.splice(0, this.#lines.length - bounds.logLines);
    for (const listener of this.#listeners) listener(line);
  }

  recent(): readonly LogLine[] {
    return this.#lines;
  }

  /** The last lines that a process wrote to stderr: why it fell, mostly. */
  lastWords(instance: string, count: number): string[] {
    return this.#lines
      .filter((line) => line.instance === instance && line.stream === 'stderr')
      .slice(-count)
      .map(({ message }) => message);
  }

  follow(listener: LogListener): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  /** The supervisor's own voice. */
  logger(): Logger {
    const write = (level: LogLevel) => (message: string, fields?: Readonly<Record<string, unknown>>) => {
      if (!levelAtLeast(level, this.#level)) return;
      this.add({
        time: this.#clock.wall(),
        level,
        instance: 'supervisor',
        service: 'supervisor',
        message,
        ...(fields === undefined ? {} : { fields: redact(fields) }),
      });
    };
    return { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') };
  }
}
