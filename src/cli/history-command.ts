/** `tutti history`: what happened, oldest first, each event a sentence; by its numbers one can go on where one was. */
import { once } from 'node:events';
import { eventSubject, eventWords } from '../core/event-words.ts';
import type { EventPage, TuttiEvent } from '../core/events.ts';
import { isAbout } from '../core/explain.ts';
import { escapeControls } from '../core/log-line.ts';
import { shown } from '../core/options.ts';
import type { AppConnection } from './app-connection.ts';
import type { CommandSpec, Invocation } from './command.ts';
import { withApp } from './find-app.ts';
import { followEvents, readEvents } from './follow-events.ts';
import type { EventQuery } from './follow-events.ts';
import { jsonText } from './io.ts';
import { preciseMomentText } from '../core/moments.ts';
import type { Outcome } from './outcome.ts';
import { exit } from './outcome.ts';
import { usage } from './parse-option.ts';
import { downText, targetIn, targetOf, withAppOrMemory } from './remembered.ts';
import { jsonOption } from './shared-options.ts';
import { painted } from './story-text.ts';
import { untilSignal } from './until-signal.ts';
import { wrapText } from './wrap.ts';

/** With -f and no number to go on from: what there was just before. */
const recentEvents = 20;

function parseNumber(text: string): number {
  if (/^\d{1,16}$/.test(text) && Number.isSafeInteger(Number(text))) return Number(text);
  throw usage(`expected the number of an event, as tutti history says it, got ${shown(text)}`);
}

async function wantedTargets(app: AppConnection, names: readonly string[]): Promise<string[]> {
  if (names.length === 0) return [];
  const { services } = await app.status();
  return Promise.all(names.map(async (name) => (await targetOf(app, services, name)).target));
}

/** One after another, the names in a column that is wide enough for all that were printed. */
class Printer {
  readonly #invocation: Invocation;
  #whoWidth = 0;

  constructor(invocation: Invocation) {
    this.#invocation = invocation;
  }

  print(events: readonly TuttiEvent[]): void {
    this.#whoWidth = Math.max(this.#whoWidth, ...events.map((event) => eventSubject(event).length));
    for (const event of events) this.#invocation.io.out(this.#line(event));
  }

  #line(event: TuttiEvent): string {
    const { io, options } = this.#invocation;
    const { text, tone } = eventWords(event);
    if (options.json === true) return jsonText({ ...event, text });
    const time = preciseMomentText(event.time, Date.now());
    const who = eventSubject(event).padEnd(this.#whoWidth);
    const sentence = wrapText(escapeControls(text), io.columns, time.length + who.length + 4);
    return `${io.paint('gray', time)}  ${io.paint('cyan', who)}  ${painted(sentence, tone, io.paint)}`;
  }
}

/** What was not heard must not look as if it had not been. */
function tellGap({ oldest, last }: EventPage, after: number, { io }: Invocation): void {
  if (after === 0) return;
  if (after > last)
    io.err(
      `tutti: number ${String(after)} was never given out here, the last is ${String(last)}: the events began anew`,
    );
  else if (oldest > after + 1)
    io.err(
      `tutti: events are missing: ${String(oldest)} is the oldest that is remembered, what came after ${String(after)} and before it is gone`,
    );
}

/** A reader that is slow is waited for. */
async function untilTaken(signal: AbortSignal): Promise<void> {
  if (process.stdout.writableNeedDrain)
    await once(process.stdout, 'drain', { signal }).catch(() => undefined);
}

/** Number of the last one that was printed, or could have been. */
async function printAll(app: AppConnection, query: EventQuery, invocation: Invocation): Promise<number> {
  const { options, io } = invocation;
  // Before the first line: who has seen one may press Ctrl-C.
  using enough = options.follow === true ? untilSignal() : undefined;
  const page = await readEvents(app, query);
  tellGap(page, query.after, invocation);
  const printer = new Printer(invocation);
  printer.print(page.events);
  if (enough === undefined) return page.last;
  let last =
    query.after > page.last ? page.last : Math.max(query.after, page.events.at(-1)?.seq ?? page.last);
  for await (const event of followEvents(app, { of: query.of, after: last }, enough.signal)) {
    printer.print([event]);
    last = event.seq;
    await untilTaken(enough.signal);
  }
  if (!enough.signal.aborted) io.err('The app has ended.');
  return last;
}

async function askApp(app: AppConnection, invocation: Invocation): Promise<number> {
  const { follow, after } = invocation.options;
  const isFresh = follow === true && after === undefined;
  const of = await wantedTargets(app, invocation.args);
  const query = { of, after: after ?? 0, ...(isFresh ? { limit: recentEvents } : {}) };
  return printAll(app, query, invocation);
}

function askMemory(page: EventPage, invocation: Invocation): number {
  const { args, options, io } = invocation;
  const { after = 0 } = options;
  const found = args.map((name) => targetIn(page.events, name));
  io.err(downText(page.events, Date.now()));
  tellGap(page, after, invocation);
  const isWanted = (event: TuttiEvent): boolean =>
    found.length === 0 || found.some((about) => isAbout(event, about));
  new Printer(invocation).print(page.events.filter((event) => event.seq > after && isWanted(event)));
  return page.last;
}

async function history(invocation: Invocation): Promise<Outcome> {
  const { options, io } = invocation;
  const up = (app: AppConnection): Promise<number> => askApp(app, invocation);
  const down = (page: EventPage): number => askMemory(page, invocation);
  const last = await (options.follow === true
    ? withApp(options.app, up)
    : withAppOrMemory(options.app, { up, down }));
  io.err(`The last number is ${String(last)}; what comes later: npx tutti history --after ${String(last)}`);
  return exit('ok');
}

export const historyCommand: CommandSpec = {
  name: 'history',
  summary: 'Tell what happened to the app and its instances, oldest first',
  details:
    'Every event has a number that only grows, over supervisors and starts of the app: `--after` goes on where one was, and says so when what came between is not remembered any more. With -f it goes on until the app ends or Ctrl-C; without it, an app that does not run is told of too. Times are local.',
  arguments: [
    {
      syntax: '[service...]',
      words: 'only these, and what happened to the whole app: users, users#2, public',
    },
  ],
  options: [
    { flags: '--after <number>', words: 'only what has a higher number', parse: parseNumber },
    {
      flags: '-f, --follow',
      words: `go on with what comes; without --after from the last ${String(recentEvents)} on`,
    },
    { ...jsonOption, words: 'a JSON line each' },
  ],
  examples: [
    { line: 'tutti history orders -f', words: 'what happens to orders, as it happens' },
    { line: `tutti history --json | grep '"to":"failed"'`, words: 'who was given up' },
  ],
  run: history,
};
