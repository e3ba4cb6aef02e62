/**
 * Events as the admin API gives them: a page after a sequence number, of all or of one service, at once or when there is one.
 */
import type { EventPage, TuttiEvent } from '../../core/events.ts';
import type { Clock } from '../../core/ports.ts';
import type { AdminRequest } from './admin-server.ts';
import { queryNumber } from './admin-request.ts';
import type { RunningApp } from './running-app.ts';
import { untilAborted } from './until-aborted.ts';

const longestWaitMs = 60_000;

/** What happened to the app as a whole happened to everybody. What happened to a service is about each of its instances. */
const isAbout = (event: TuttiEvent, name: string): boolean => {
  if (event.type === 'instance') return event.service === name || event.instance.startsWith(`${name}@`);
  return event.service === undefined || event.service === name || name.startsWith(`${event.service}#`);
};

/** `after`, `of` (a service or `users#1`), `limit` (the newest of them), `waitMs` (for the first one). */
export async function eventPage(
  app: RunningApp,
  clock: Clock,
  { query, signal }: AdminRequest,
): Promise<EventPage> {
  const after = queryNumber(query, 'after');
  const limit = queryNumber(query, 'limit');
  const waitMs = Math.min(longestWaitMs, queryNumber(query, 'waitMs'));
  const names = query.getAll('of');
  const page = (): EventPage => {
    const found = app.events.after(after);
    const events =
      names.length === 0
        ? found.events
        : found.events.filter((event) => names.some((name) => isAbout(event, name)));
    return { ...found, events: limit === 0 ? events : events.slice(-limit) };
  };
  const now = page();
  if (now.events.length > 0 || waitMs === 0) return now;
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const done = (): void => {
    resolve(undefined);
  };
  const timer = clock.after(waitMs, done);
  const end = app.onEvent((event) => {
    if (names.length === 0 || names.some((name) => isAbout(event, name))) done();
  });
  await Promise.race([promise, untilAborted(signal)]);
  timer.cancel();
  end();
  return page();
}
