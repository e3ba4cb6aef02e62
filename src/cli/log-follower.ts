/**
 * The app's log lines, over the lives of several supervisors: goes on where it was, shows no line twice, ends with the app.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { isTuttiError } from '../core/errors.ts';
import type { LogLine } from '../core/log-line.ts';
import type { AppConnection } from './app-connection.ts';

export interface LogQuery {
  readonly services: readonly string[];
  readonly level: string | undefined;
  /** Epoch milliseconds. */
  readonly since: number;
}

/** Lines of different processes are not in the order of their times: this much is asked for again, and what was seen left out. */
export const overlapMs = 5_000;
const againMs = 100;

const keyOf = ({ time, instance, message }: LogLine): string => `${String(time)} ${instance} ${message}`;

/** Remembers the lines of the last seconds, to tell which of those that come again are new. */
export class SeenLines {
  #latest = 0;
  #recent: LogLine[] = [];
  #repeated = new Map<string, number>();

  /** From when on to ask again. */
  resume(): number {
    this.#forgetOld();
    this.#repeated = new Map();
    for (const line of this.#recent)
      this.#repeated.set(keyOf(line), (this.#repeated.get(keyOf(line)) ?? 0) + 1);
    return this.#latest - overlapMs;
  }

  /** Two lines with the same words in the same millisecond are two. */
  isNew(line: LogLine): boolean {
    const times = this.#repeated.get(keyOf(line)) ?? 0;
    if (times > 0) {
      this.#repeated.set(keyOf(line), times - 1);
      return false;
    }
    this.#latest = Math.max(this.#latest, line.time);
    this.#recent.push(line);
    if (this.#recent.length % 1_024 === 0) this.#forgetOld();
    return true;
  }

  #forgetOld(): void {
    this.#recent = this.#recent.filter(({ time }) => time >= this.#latest - overlapMs);
  }
}

const pathOf = ({ services, level, since }: LogQuery, follow: boolean): string => {
  const query = new URLSearchParams(services.map((service): [string, string] => ['service', service]));
  if (level !== undefined) query.set('level', level);
  query.set('since', String(since));
  if (follow) query.set('follow', '1');
  return `/logs?${query.toString()}`;
};

/** What is remembered now. */
export async function* recentLines(app: AppConnection, query: LogQuery): AsyncGenerator<LogLine> {
  // The first word to the app: this one waits for a supervisor that is not up yet.
  await app.about();
  yield* app.follow(pathOf(query, false), new AbortController().signal) as AsyncGenerator<LogLine>;
}

/** What is remembered, and then what comes, until the app has ended or `signal` says so. */
export async function* followLines(
  app: AppConnection,
  query: LogQuery,
  signal: AbortSignal,
): AsyncGenerator<LogLine> {
  const seen = new SeenLines();
  let { since } = query;
  await app.about();
  for (;;) {
    try {
      const lines = app.follow(pathOf({ ...query, since }, true), signal);
      for await (const line of lines as AsyncGenerator<LogLine>) if (seen.isNew(line)) yield line;
    } catch (error) {
      if (!isTuttiError(error) && !signal.aborted) throw error;
    }
    if (signal.aborted || !app.isKeeperAlive) return;
    await pause(againMs);
    since = Math.max(query.since, seen.resume());
  }
}
