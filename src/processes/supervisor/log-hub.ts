/**
 * One stream of all that the app says: gives every line its number, remembers the last ones, bounded in number and size, and hands
 * each to who follows.
 */
import { bounds } from '../../core/bounds.ts';
import type { LogLevel, LogLine, LogMemory, NewLogLine } from '../../core/log-line.ts';
import { levelAtLeast } from '../../core/log-line.ts';
import type { Clock } from '../../core/ports.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { redact } from '../../telemetry/logger.ts';

export type LogListener = (line: LogLine) => void;

export interface LogHubNeeds {
  readonly clock: Clock;
  readonly level: LogLevel;
  /** Of this supervisor: its lines are numbered behind those of its predecessors. */
  readonly generation: number;
}

/** Whoever puts the stream where it outlives the supervisor: the log file. */
export interface LogKeeper {
  readonly settled: () => Promise<void>;
  readonly isBehind: () => boolean;
}

interface Kept {
  readonly line: LogLine;
  readonly size: number;
}

/** Of a line, beside its text. */
const overhead = 200;

export class LogHub {
  #kept: Kept[] = [];
  #size = 0;
  #seq: number;
  readonly #listeners = new Set<LogListener>();
  #keeper: LogKeeper | undefined;
  #memory: LogMemory;
  readonly #clock: Clock;
  readonly #level: LogLevel;

  constructor({ clock, level, generation }: LogHubNeeds) {
    this.#clock = clock;
    this.#level = level;
    this.#seq = generation * 2 ** 32;
    const why = generation === 1 ? 'the app was started' : 'a new supervisor';
    this.#memory = { since: clock.wall(), why };
  }

  /** @param chars of the whole line, where its fields are large too. */
  add(added: NewLogLine, chars = added.message.length): void {
    const line = { seq: (this.#seq += 1), ...added };
    const size = chars + overhead;
    this.#kept.push({ line, size });
    this.#size += size;
    // Cut in larger steps: a shift per line would move ten thousand entries each time.
    if (this.#kept.length > bounds.logLines * 1.1 || this.#size > bounds.logChars * 1.1) this.#cut();
    for (const listener of this.#listeners) listener(line);
  }

  recent(): readonly LogLine[] {
    return this.#kept.map(({ line }) => line);
  }

  get memory(): LogMemory {
    return this.#memory;
  }

  /** The last lines that a process wrote to stderr: why it fell, mostly. */
  lastWords(instance: string, count: number): string[] {
    return this.recent()
      .filter((line) => line.instance === instance && line.stream === 'stderr')
      .slice(-count)
      .flatMap(({ message, stack }) => stack?.split('\n') ?? [message])
      .slice(-count);
  }

  follow(listener: LogListener): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  keptBy(keeper: LogKeeper): void {
    this.#keeper = keeper;
  }

  /** Resolves, before long, when what was handed out so far is where it shall stay. */
  async settled(): Promise<void> {
    await this.#keeper?.settled();
  }

  /** Whoever can let its lines wait should, for a moment. */
  get isBehind(): boolean {
    return this.#keeper?.isBehind() === true;
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
    this.#memory = { since: this.#kept[0]?.line.time ?? this.#clock.wall(), why: 'no more are kept' };
  }
}
