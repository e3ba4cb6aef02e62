/** `tutti why`: what happened to a service, on what evidence, and what to do next; alone: who is not well, and why. */
import type { EventPage } from '../core/events.ts';
import { explain } from '../core/explain.ts';
import type { TimeSpan } from '../core/explain.ts';
import type { AppConnection } from './app-connection.ts';
import type { CommandSpec, Invocation } from './command.ts';
import { withApp } from './find-app.ts';
import type { FoundTarget } from './find-target.ts';
import { findTarget } from './find-target.ts';
import { jsonText } from './io.ts';
import type { Outcome } from './outcome.ts';
import { exit } from './outcome.ts';
import { parseMoment } from './parse-option.ts';
import { jsonOption } from './shared-options.ts';
import { renderWhy } from './why-text.ts';
import type { Why } from './why-text.ts';

const mostLines = 20;
/** Of them the stories are made; more is read only to look far back. */
const mostEvents = 2_000;
const hourMs = 3_600_000;
/** Around a moment that was asked about: a person's `14:02` is some moment of that minute, or near it. */
const aroundMs = { before: 120_000, after: 180_000 };

function spanOf(at: number | undefined, found: FoundTarget | undefined, now: number): TimeSpan {
  if (at !== undefined) return { from: at - aroundMs.before, to: at + aroundMs.after };
  return { from: found === undefined ? now - hourMs : 0, to: Infinity };
}

function eventsPath(found: FoundTarget | undefined, at: number | undefined): string {
  const query = new URLSearchParams(at === undefined ? { limit: String(mostEvents) } : {});
  if (found !== undefined) query.set('of', found.target);
  return `/events?${query.toString()}`;
}

async function find(app: AppConnection, name: string | undefined, at: number | undefined): Promise<Why> {
  const status = await app.status();
  const found = name === undefined ? undefined : findTarget(status, name);
  const { events } = await app.get<EventPage>(eventsPath(found, at));
  const span = spanOf(at, found, status.takenAt);
  const question = {
    about: found,
    span,
    most: mostLines,
    onlyTrouble: found === undefined && at === undefined,
  };
  const explanation = explain(question, status, events);
  const isEmpty = at !== undefined && explanation.story.length === 0;
  const before = isEmpty
    ? explain({ about: found, span: { from: 0, to: span.from }, most: 1 }, status, events).story
    : [];
  return { status, found, at, span, explanation, before, rememberedSince: events[0]?.time };
}

async function why(invocation: Invocation): Promise<Outcome> {
  const { args, options, io } = invocation;
  const answer = await withApp(options.app, (app) => find(app, args[0], options.at));
  io.out(options.json === true ? jsonText(view(answer)) : renderWhy(answer, io));
  return exit('ok');
}

const iso = (time: number): string => new Date(time).toISOString();

const view = ({ status, found, explanation, rememberedSince }: Why): object => ({
  app: status.app,
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
    'Without a name: who of the app is not well, and what went wrong in the last hour. Times are local. What is remembered outlives the app.',
  arguments: [{ syntax: '[target]', words: 'users, users#2, a gateway by its name; default: the whole app' }],
  options: [
    {
      flags: '--at <time>',
      words: 'around that moment: 14:02, so long ago (10m, 2h), or 2026-05-01T14:02',
      parse: (text) => parseMoment(text, Date.now()),
    },
    jsonOption,
  ],
  examples: [
    { line: 'tutti why orders', words: 'its story, what it said last, and what to type next' },
    { line: 'tutti why orders#1 --at 14:02', words: 'why it restarted at two minutes past two' },
  ],
  run: why,
};
