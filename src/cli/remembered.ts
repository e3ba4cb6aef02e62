/**
 * What is remembered of who is not there: events of an app that does not run, from its state directory, and of a service that was
 * taken out of the app. Used by `why` and `events`. Only reads.
 */
import { join } from 'node:path';
import { isTuttiError } from '../core/errors.ts';
import { unfinishedWords } from '../core/event-words.ts';
import type { EventPage, TuttiEvent } from '../core/events.ts';
import { supervisorName } from '../core/explain.ts';
import { readEvents, unfinishedRun } from '../core/read-events.ts';
import { findAppFile, resolveAppFile } from '../define/load-app.ts';
import { readEventLines } from '../os/event-file.ts';
import type { AppConnection } from './app-connection.ts';
import { locateApp } from './app-location.ts';
import { withApp } from './find-app.ts';
import type { FoundTarget } from './find-target.ts';
import { findTarget } from './find-target.ts';

/** Also whether anybody stopped it. */
export function downText(events: readonly TuttiEvent[], now: number): string {
  const unfinished = unfinishedWords('Its last run', unfinishedRun(events), now);
  const text = 'The app does not run: this is what is remembered of it.';
  return unfinished === undefined ? text : `${text}\n${unfinished}.`;
}

interface Ways<T> {
  readonly up: (app: AppConnection) => Promise<T>;
  readonly down: (page: EventPage) => T;
}

/** @throws {TuttiError} as `withApp`; `NOT_RUNNING` when nothing is remembered either. */
export async function withAppOrMemory<T>(named: string | undefined, { up, down }: Ways<T>): Promise<T> {
  try {
    return await withApp(named, up);
  } catch (error) {
    const page = isTuttiError(error, 'NOT_RUNNING') ? rememberedOf(named) : undefined;
    if (page === undefined) throw error;
    return down(page);
  }
}

function rememberedOf(named: string | undefined): EventPage | undefined {
  const cwd = process.cwd();
  const appFile = named === undefined ? findAppFile(cwd) : resolveAppFile(named, cwd);
  if (appFile === undefined) return undefined;
  const events = readEvents(readEventLines(join(locateApp(appFile).stateDir, 'events')));
  const [first, last] = [events[0], events.at(-1)];
  return first === undefined || last === undefined
    ? undefined
    : { events, oldest: first.seq, last: last.seq };
}

/** The supervisor has events too. @throws {TuttiError} `NOT_FOUND` */
export function targetIn(events: readonly TuttiEvent[], name: string): FoundTarget {
  const names = new Set([...events.flatMap(({ service }) => service ?? []), supervisorName]);
  return findTarget({ services: [...names].map((each) => ({ name: each })) }, name);
}

/** Of a running app, whoever is or was in it. @throws {TuttiError} `NOT_FOUND` with what was probably meant of what is there. */
export async function targetOf(
  app: AppConnection,
  services: readonly { readonly name: string }[],
  name: string,
): Promise<FoundTarget> {
  try {
    return findTarget({ services }, name);
  } catch (error) {
    if (!isTuttiError(error, 'NOT_FOUND')) throw error;
    const { events } = await app.get<EventPage>('/events');
    try {
      return targetIn(events, name);
    } catch {
      throw error;
    }
  }
}
