/** What somebody who logs to a file must offer to stand in bench/logs.ts, and how the file is watched from outside. */
import { closeSync, fstatSync, openSync, readFileSync, readSync, statSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { Turn } from './log-lines.ts';
import { markOf, monotonicMs } from './log-lines.ts';

export interface LogRound extends Record<string, number> {
  /** As long as whoever logs was busy with it. */
  loggedPerS: number;
  /** From the first line to the moment when the last one was in the file. NaN without a file. */
  writtenPerS: number;
  /** CPU per line, of the process that logs. */
  loggerUs: number;
  /** CPU per line, of those who supervise. */
  supervisorUs: number;
  /** Of a line in the file. */
  lineBytes: number;
}

export interface Logging extends AsyncDisposable {
  /** @throws {Error} when a line of it is missing, or came twice. */
  run(turn: Turn): Promise<LogRound>;
}

export const perSecond = (lines: number, ms: number): number => (lines / ms) * 1_000;

const lookEveryMs = 2;
const writtenMs = 60_000;
/** The last line of a round is not the last of the file when a supervisor says something too. */
const tailBytes = 4_096;

function tailOf(path: string): string {
  const fd = openSync(path, 'r');
  try {
    const { size } = fstatSync(fd);
    const bytes = Buffer.alloc(Math.min(size, tailBytes));
    return bytes.toString('utf8', 0, readSync(fd, bytes, 0, bytes.length, size - bytes.length));
  } finally {
    closeSync(fd);
  }
}

const sizeOf = (path: string): number => statSync(path, { throwIfNoEntry: false })?.size ?? 0;

/** The file of a round, from where it ended before. */
export class WatchedFile {
  readonly #path: string;
  readonly #from: number;

  constructor(path: string) {
    this.#path = path;
    this.#from = sizeOf(path);
  }

  /** When the last line was seen there. @throws {Error} after a minute. */
  async writtenAt({ round, lines }: Turn): Promise<number> {
    const last = markOf(round, lines - 1);
    const end = monotonicMs() + writtenMs;
    while (monotonicMs() < end) {
      if (sizeOf(this.#path) > this.#from && tailOf(this.#path).includes(last)) return monotonicMs();
      await delay(lookEveryMs);
    }
    throw new Error(`the last line of a round was not in ${this.#path} within ${String(writtenMs)} ms`);
  }

  /** Bytes per line. @throws {Error} unless each line is there once, in its place. */
  check({ round, lines }: Turn): number {
    const text = readFileSync(this.#path).toString('utf8', this.#from);
    const found = text.split('\n').filter((line) => line.includes(`"round":${String(round)},`));
    const isWhole = found.length === lines && found.every((line, n) => line.includes(markOf(round, n)));
    if (!isWhole)
      throw new Error(`${String(lines)} lines were logged, ${this.#path} has ${String(found.length)}`);
    return Buffer.byteLength(found.join('\n')) / lines;
  }
}
