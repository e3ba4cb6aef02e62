/** `tutti why`: what happened to a service, on what evidence, and what to do next; alone: who is not well, and why. */
import type { EventPage, TuttiEvent } from '../core/events.ts';
import { explain, isAbout } from '../core/explain.ts';
import type { TimeSpan } from '../core/explain.ts';
import type { AppStatus } from '../core/status.ts';
import type { AppConnection } from './app-connection.ts';
import type { CommandSpec, Invocation } from './command.ts';
import type { FoundTarget } from './find-target.ts';
import { jsonText } from './io.ts';
import type { Outcome } from './outcome.ts';
import { exit } from './outcome.ts';
import { parseMoment } from './parse-option.ts';
import { downText, targetIn, targetOf, withAppOrMemory } from './remembered.ts';
import { jsonOption } from './shared-options.ts';
import { renderWhy } from './why-text.ts';
import type { Why } from './why-text.ts';

const mostLines = 20;
/** Of them the stories are made; more is read only to look far back. */
const mostEvents = 2_000;
const hourMs = 3_600_000;
/** On both sides of the minute, or the second, that was asked about. */
const aroundMs = 120_000;
const minutePattern = /^(?:\d{4}-\d{2}-\d{2}T)?\d{1,2}:\d{2}(?:Z|[+-]\d{2}:?\d{2})?$/;

/** A person's `14:02` is the whole of that minute. */
export function parseAt(text: string, now: number): TimeSpan {
  const from = parseMoment(text, now);
  return { from, to: from + (minutePattern.test(text) ? 60_000 : 1_000) - 1 };
}

function spanOf(at: TimeSpan | undefined, found: FoundTarget | undefined, now: number): TimeSpan {
  if (at !== undefined) return { from: at.from - aroundMs, to: at.to + 1 + aroundMs };
  return { from: found === undefined ? now - hourMs : 0, to: Infinity };
}

function eventsPath(found: FoundTarget | undefined, at: TimeSpan | undefined): string {
  const query = new URLSearchParams(at === undefined ? { limit: String(mostEvents) } : {});
  if (found !== undefined) query.set('of', found.target);
  return `/events?${query.toString()}`;
}

interface Known {
  /** Undefined: the app does not run. */
  readonly status: AppStatus | undefined;
  readonly found: FoundTarget | undefined;
  readonly at: TimeSpan | undefined;
  readonly down?: string;
  readonly events: readonly TuttiEvent[];
}

function answer({ status, down = '', found, at, events }: Known): Why {
  const now = status?.takenAt ?? Date.now();
  const span = spanOf(at, found, now);
  const question = {
    ...{ about: found, span, moment: at, most: mostLines },
    onlyTrouble: found === undefined && at === undefined,
  };
  const explanation = explain(question, status, events);
  const isEmpty = at !== undefined && explanation.story.length === 0;
  const before = isEmpty
    ? explain({ about: found, span: { from: 0, to: span.from }, most: 1 }, status, events).story
    : [];
  return { status, down, now, found, at, span, explanation, before, rememberedSince: events[0]?.time };
}

async function askApp(app: AppConnection, { args, options }: Invocation): Promise<Why> {
  const status = await app.status();
  const { at } = options;
  const found = args[0] === undefined ? undefined : await targetOf(app, status.services, args[0]);
  const { events } = await app.get<EventPage>(eventsPath(found, at));
  return answer({ status, found, at, events });
}

function askMemory({ events }: EventPage, { args, options }: Invocation): Why {
  const found = args[0] === undefined ? undefined : targetIn(events, args[0]);
  const about = events.filter((event) => isAbout(event, found));
  const down = downText(events, Date.now());
  return answer({ status: undefined, down, found, at: options.at, events: about });
}

async function why(invocation: Invocation): Promise<Outcome> {
  const { options, io } = invocation;
  const known = await withAppOrMemory(options.app, {
    up: (app) => askApp(app, invocation),
    down: (page) => askMemory(page, invocation),
  });
  io.out(options.json === true ? jsonText(view(known)) : renderWhy(known, io));
  return exit('ok');
}

const iso = (time: number): string => new Date(time).toISOString();

const view = ({ status, found, explanation, rememberedSince }: Why): object => ({
  app: status?.app ?? null,
  isRunning: status !== undefined,
  about: found?.target ?? null,
  now: explanation.now,
  story: explanation.story.map((line) => ({ ...line, time: iso(line.time) })),
  leftOut: explanation.leftOut,
  lastWords:
    explanation.lastWords === undefined
      ? null
      : { ...explanation.lastWords, time: iso(explanation.lastWords.time) },
  next: explanation.next,
  rememberedSince: rememberedSince === undefined ? null : iso(rememberedSince),
});

export const whyCommand: CommandSpec = {
  name: 'why',
  summary: 'Tell what happened to a service or an instance, on what evidence, and what to do next',
  details:
    'Without a name: who of the app is not well, and what went wrong in the last hour. Times are local. What is remembered outlives the app: it is told as well when the app does not run.',
  arguments: [
    {
      syntax: '[target]',
      words: 'users, users#2, a gateway by its name, supervisor; default: the whole app',
    },
  ],
  options: [
    {
      flags: '--at <time>',
      words: 'around that minute (14:02) or second (14:02:07), so long ago (10m, 2h), or 2026-05-01T14:02',
      parse: (text) => parseAt(text, Date.now()),
    },
    jsonOption,
  ],
  examples: [
    { line: 'tutti why orders', words: 'its story, what it said last, and what to type next' },
    { line: 'tutti why orders#1 --at 14:02', words: 'why it restarted at two minutes past two' },
  ],
  run: why,
};
