/**
 * The app's log lines, over the lives of several supervisors: goes on where it was, shows no line twice, ends with the app.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { isTuttiError } from '../core/errors.ts';
import type { LogLine } from '../core/log-line.ts';
import { SeenPlaces } from '../core/seen-places.ts';
import type { AppConnection } from './app-connection.ts';

export interface LogQuery {
  readonly services: readonly string[];
  readonly level: string | undefined;
  /** Epoch milliseconds. */
  readonly since: number;
}

const againMs = 100;

/** Tells which of the lines that a supervisor's successor reads again are new. Its own are numbered behind those of its predecessor. */
export class SeenLines {
  readonly #places = new SeenPlaces();
  #last = 0;
  #previous = 0;

  /** With a new connection: what comes up to here was seen. */
  resume(): number {
    this.#previous = this.#last;
    return this.#last;
  }

  isNew(line: LogLine): boolean {
    const isNew = line.seq > this.#previous && this.#places.isNew(line);
    this.#last = Math.max(this.#last, line.seq);
    if (isNew) this.#places.see(line);
    return isNew;
  }
}

const pathOf = ({ services, level, since }: LogQuery, follow: boolean, after = 0): string => {
  const query = new URLSearchParams(services.map((service): [string, string] => ['service', service]));
  if (level !== undefined) query.set('level', level);
  query.set('since', String(since));
  if (follow) query.set('follow', '1');
  if (after > 0) query.set('after', String(after));
  return `/logs?${query.toString()}`;
};

/** What is remembered now. */
export const recentLines = (app: AppConnection, query: LogQuery): AsyncGenerator<LogLine> =>
  app.follow(pathOf(query, false), new AbortController().signal) as AsyncGenerator<LogLine>;

/** What is remembered, and then what comes, until the app has ended or `signal` says so. */
export async function* followLines(
  app: AppConnection,
  query: LogQuery,
  signal: AbortSignal,
): AsyncGenerator<LogLine> {
  const seen = new SeenLines();
  let after = 0;
  for (;;) {
    try {
      const lines = app.follow(pathOf(query, true, after), signal);
      for await (const line of lines as AsyncGenerator<LogLine>) if (seen.isNew(line)) yield line;
    } catch (error) {
      if (!isTuttiError(error) && !signal.aborted) throw error;
    }
    if (signal.aborted || !app.isKeeperAlive) return;
    await pause(againMs);
    after = seen.resume();
  }
}
