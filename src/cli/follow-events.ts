/**
 * The app's events by sequence number, over the lives of several supervisors: each once, in order, until the app has ended.
 * Used by `events` and by a rolling restart.
 */
import type { EventPage, TuttiEvent } from '../core/events.ts';
import { isTuttiError } from '../core/errors.ts';
import type { AppConnection } from './app-connection.ts';

export interface EventQuery {
  /** Services or instances, as the admin API wants them; empty: all. */
  readonly of: readonly string[];
  readonly after: number;
  /** The newest of them; 0: all. */
  readonly limit?: number;
}

const waitMs = 20_000;
/** An answer that is late by more than this will not come. */
const lateMs = 10_000;

const pathOf = ({ of, after, limit = 0 }: EventQuery, wait: number): string => {
  const query = new URLSearchParams(of.map((name): [string, string] => ['of', name]));
  query.set('after', String(after));
  if (limit > 0) query.set('limit', String(limit));
  if (wait > 0) query.set('waitMs', String(wait));
  return `/events?${query.toString()}`;
};

export const readEvents = (app: AppConnection, query: EventQuery): Promise<EventPage> =>
  app.get<EventPage>(pathOf(query, 0));

/** What is asked for at once, or undefined: the app has ended, or nobody waits any more. */
async function nextPage(
  app: AppConnection,
  query: EventQuery,
  signal: AbortSignal,
): Promise<EventPage | undefined> {
  try {
    return await app.get<EventPage>(pathOf(query, waitMs), { timeoutMs: waitMs + lateMs, signal });
  } catch (error) {
    if (signal.aborted || isTuttiError(error, 'NOT_RUNNING')) return undefined;
    throw error;
  }
}

/** Ends with the app, or when `signal` says so. @throws {TuttiError} when its supervisor does not answer. */
export async function* followEvents(
  app: AppConnection,
  query: EventQuery,
  signal: AbortSignal,
): AsyncGenerator<TuttiEvent> {
  let { after } = query;
  while (!signal.aborted) {
    const page = await nextPage(app, { ...query, after }, signal);
    if (page === undefined) return;
    for (const event of page.events) {
      after = event.seq;
      yield event;
    }
  }
}
