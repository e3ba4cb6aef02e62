/**
 * The lines of all processes in a file that is rotated, for an app that wants one (`logs: { file }`). Owned by the supervisor; a successor
 * goes on with the same file, and leaves out what its predecessor had written there already. Never ends or blocks the supervisor.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { bounds } from '../../core/bounds.ts';
import type { NewLogLine } from '../../core/log-line.ts';
import type { OptionsIn } from '../../core/options.ts';
import { fillOptions } from '../../core/options.ts';
import type { Clock, Timer } from '../../core/ports.ts';
import { logLineJson } from '../../core/print-log-line.ts';
import { logsOptions } from '../../define/options.ts';
import { RotatedFile } from '../../os/rotated-file.ts';
import type { LogHub } from './log-hub.ts';

export interface LogFileNeeds {
  readonly options: OptionsIn<typeof logsOptions>;
  readonly appFile: string;
  readonly hub: LogHub;
  readonly clock: Clock;
}

/** For a disk that does not answer: longer we do not wait. */
const settledMs = 2_000;
/** What a predecessor had not counted as dealt with comes first; later no line can come again. */
const repeatsMs = 30_000;

export const logPath = (appFile: string, file: string): string => resolve(dirname(appFile), file);

/** Undefined when the app wants none. */
export function openLogFile(needs: LogFileNeeds): LogFile | undefined {
  return needs.options.file === undefined ? undefined : new LogFile(needs, needs.options.file);
}

export class LogFile {
  readonly #file: RotatedFile;
  readonly #clock: Clock;
  readonly #written: Set<string>;
  readonly #forget: Timer;
  readonly #unfollow: () => void;

  constructor({ options, appFile, hub, clock }: LogFileNeeds, file: string) {
    const { maxBytes, keep } = fillOptions(logsOptions, options);
    const path = logPath(appFile, file);
    this.#clock = clock;
    this.#written = writtenLines(path);
    this.#forget = clock.after(repeatsMs, () => {
      this.#written.clear();
    });
    this.#file = new RotatedFile({
      ...{ path, maxBytes, keep, clock },
      onTrouble: (reason) => {
        hub.logger().error('The log file cannot be written', { file: path, reason });
      },
      onLost: (lines, reason) => {
        hub.logger().warn('Lines were lost that belong into the log file', { lines, reason });
      },
    });
    this.#unfollow = hub.follow((line) => {
      if (this.#written.size === 0 || !this.#written.delete(keyOf(line)))
        this.#file.append(logLineJson(line));
    });
    hub.keptBy({ settled: () => this.#within(this.#file.settled()), isBehind: () => this.#file.isBehind });
  }

  async close(): Promise<void> {
    this.#unfollow();
    this.#forget.cancel();
    await this.#within(this.#file.close());
  }

  async #within(work: Promise<void>): Promise<void> {
    const { promise, resolve: late } = Promise.withResolvers<undefined>();
    const limit = this.#clock.after(settledMs, () => {
      late(undefined);
    });
    await Promise.race([work, promise]);
    limit.cancel();
  }
}

/** Of a line without a place nobody can tell that it comes again. */
const keyOf = ({ instance, at, message }: NewLogLine): string =>
  at === undefined ? '' : `${instance.slice(0, instance.indexOf('@'))} ${at} ${message}`;

/** What stands at the end of the file, and of the one before it when it has just been turned. */
function writtenLines(path: string): Set<string> {
  const last = readEnd(path, bounds.logFileTailBytes);
  const text = readEnd(`${path}.1`, bounds.logFileTailBytes - last.length) + last;
  return new Set(text.split('\n').flatMap(keyOfText));
}

function keyOfText(text: string): string[] {
  try {
    const key = keyOf(JSON.parse(text) as NewLogLine);
    return key === '' ? [] : [key];
  } catch {
    return [];
  }
}

/** Nothing of a file that is not there: what is wrong with it is told when it is written. */
function readEnd(path: string, most: number): string {
  let fd: number | undefined;
  try {
    fd = openSync(path, 'r');
    const stats = fstatSync(fd);
    if (!stats.isFile()) return '';
    const bytes = Buffer.alloc(Math.min(most, stats.size));
    return bytes.toString('utf8', 0, readSync(fd, bytes, 0, bytes.length, stats.size - bytes.length));
  } catch {
    return '';
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}
