/**
 * One stream of all that the app says: remembers the last lines, bounded in number and size, and hands every line to who follows.
 */
import { bounds } from '../../core/bounds.ts';
import type { LogLevel, LogLine } from '../../core/log-line.ts';
import { levelAtLeast } from '../../core/log-line.ts';
import type { Clock } from '../../core/ports.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { redact } from '../../telemetry/logger.ts';

export type LogListener = (line: LogLine) => void;

interface Kept {
  readonly line: LogLine;
  readonly size: number;
}

/** Of a line, beside its text. */
const overhead = 200;

export class LogHub {
  #kept: Kept[] = [];
  #size = 0;
  readonly #listeners = new Set<LogListener>();
  readonly #clock: Clock;
  readonly #level: LogLevel;

  constructor(clock: Clock, level: LogLevel) {
    this.#clock = clock;
    this.#level = level;
  }

  /** @param length of the whole line, where its fields are large too. */
  add(line: LogLine, length = line.message.length): void {
    const size = length + overhead;
    this.#kept.push({ line, size });
    this.#size += size;
    // Cut in larger steps: a shift per line would move ten thousand entries each time.
    if (this.#kept.length > bounds.logLines * 1.1 || this.#size > bounds.logChars * 1.1) this.#cut();
    for (const listener of this.#listeners) listener(line);
  }

  recent(): readonly LogLine[] {
    return this.#kept.map(({ line }) => line);
  }

  /** The last lines that a process wrote to stderr: why it fell, mostly. */
  lastWords(instance: string, count: number): string[] {
    return this.recent()
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

  #cut(): void {
    let from = Math.max(0, this.#kept.length - bounds.logLines);
    for (const { size } of this.#kept.slice(0, from)) this.#size -= size;
    for (; this.#size > bounds.logChars && from < this.#kept.length; from += 1)
      this.#size -= this.#kept[from]?.size ?? 0;
    this.#kept = this.#kept.slice(from);
  }
}
