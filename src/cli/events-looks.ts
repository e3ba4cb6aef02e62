/** `tutti events topics`, `groups`, `read`, `dead`: the durable events that are kept, and those that services have still to get. */
import type { GroupView, KeptEventsView, KeptEventView, TopicView } from '../core/event-view.ts';
import { displayName } from '../core/ids.ts';
import { escapeControls } from '../core/log-line.ts';
import { momentText, preciseMomentText } from '../core/moments.ts';
import { shown } from '../core/options.ts';
import type { EventsAsk } from './events-options.ts';
import { findTarget } from './find-target.ts';
import { jsonText } from './io.ts';
import { cutText, firstLine, plural, spanText } from './jobs-text.ts';
import type { Outcome } from './outcome.ts';
import { exit } from './outcome.ts';
import { shellWord } from './shell-word.ts';
import { renderTable } from './table.ts';
import type { Table } from './table.ts';

interface DeadEvent {
  readonly seq: number;
  readonly event: string;
  readonly id: string;
  readonly key: string | null;
  readonly at: number;
  readonly attempts: number;
  readonly error: string;
  /** JSON. */
  readonly body: string;
}

/** To go through all that is kept takes as long as it takes. */
export const longMs = 3_600_000;
const usualLimit = 20;
const mostPayload = 60;
const mostKey = 40;

function tellTable(table: Table, { io }: EventsAsk): void {
  for (const line of renderTable(table, io.paint)) io.out(line);
}

export async function serviceOf({ app, of }: EventsAsk): Promise<string> {
  return findTarget(await app.status(), of).service;
}

const owedText = ({ owed }: TopicView): string =>
  Object.entries(owed)
    .map(([receiver, count]) => `${displayName(receiver)} ${String(count)}`)
    .join(', ');

export async function tellTopics(ask: EventsAsk): Promise<Outcome> {
  const { app, io, options } = ask;
  const topics = await app.get<TopicView[]>('/store/topics', { timeoutMs: longMs });
  if (options.json === true) io.out(jsonText(topics));
  else if (topics.length === 0) io.out('No durable event is kept');
  else {
    const now = Date.now();
    const columns = [
      ...[{ title: 'EVENT' }, { title: 'KEPT', isNumber: true }],
      ...[{ title: 'OLDEST' }, { title: 'NEWEST' }, { title: 'TO COME' }],
    ];
    const rows = topics.map((topic) => {
      const { event, kept, oldestAt, newestAt } = topic;
      return [event, String(kept), momentText(oldestAt, now), momentText(newestAt, now), owedText(topic)];
    });
    tellTable({ columns, rows }, ask);
  }
  return exit('ok');
}

export async function tellGroups(ask: EventsAsk): Promise<Outcome> {
  const { app, io, options } = ask;
  const groups = await app.get<GroupView[]>('/store/receivers');
  if (options.json === true) io.out(jsonText(groups));
  else if (groups.length === 0) io.out('No service has a durable event to come');
  else {
    const columns = [
      ...[{ title: 'SERVICE' }, { title: 'TO COME', isNumber: true }],
      ...[{ title: 'DEAD', isNumber: true }, { title: 'BEHIND' }],
    ];
    const rows = groups.map(({ receiver, owed, dead, lagMs }) => {
      return [displayName(receiver), String(owed), String(dead), owed === 0 ? '-' : spanText(lagMs)];
    });
    tellTable({ columns, rows }, ask);
    const [first] = groups.filter(({ dead }) => dead > 0);
    if (first !== undefined) io.err(`Why they were given up: npx tutti events dead ${first.receiver}`);
  }
  return exit('ok');
}

function rowOf({ seq, at, id, key, payload }: KeptEventView, now: number): string[] {
  const keyText = key === null ? '' : cutText(key, mostKey);
  return [String(seq), preciseMomentText(at, now), id, keyText, cutText(jsonText(payload), mostPayload)];
}

/** As they were kept, whoever has got them. */
export async function tellKept(ask: EventsAsk): Promise<Outcome> {
  const { app, of, options, io } = ask;
  const { since = 0, after = 0, limit = usualLimit } = options;
  const place = { since: String(Math.max(0, since)), after: String(after), limit: String(limit) };
  const query = new URLSearchParams({ event: of, ...place });
  const page = await app.get<KeptEventsView>(`/store/read?${query.toString()}`, { timeoutMs: longMs });
  if (options.json === true) for (const event of page.events) io.out(jsonText(event));
  else if (page.events.length > 0) {
    const columns = [
      ...[{ title: 'NUMBER', isNumber: true }, { title: 'TIME' }, { title: 'ID' }],
      ...[{ title: 'KEY' }, { title: 'PAYLOAD' }],
    ];
    tellTable({ columns, rows: page.events.map((event) => rowOf(event, Date.now())) }, ask);
  } else {
    const more = after === 0 && since <= 0 ? '' : ' more';
    io.out(`No${more} ${escapeControls(of)} is kept`);
    io.err('What is kept: npx tutti events topics');
  }
  if (page.next !== null) io.err(`More: npx tutti events read ${shellWord(of)} --after ${String(page.next)}`);
  return exit('ok');
}

export async function tellDead(ask: EventsAsk): Promise<Outcome> {
  const { app, io, options } = ask;
  const receiver = await serviceOf(ask);
  const query = new URLSearchParams({ receiver, after: String(options.after ?? 0) });
  const dead = await app.get<DeadEvent[]>(`/store/dead?${query.toString()}`);
  if (options.json === true) {
    for (const { body, ...event } of dead)
      io.out(jsonText({ ...event, payload: (JSON.parse(body) as { payload: unknown }).payload }));
    return exit('ok');
  }
  if (dead.length === 0) io.out(`${displayName(receiver)} has no dead events`);
  for (const { seq, event, id, key, at, attempts, error } of dead) {
    const keyText = key === null ? '' : `, key ${shown(key)}`;
    io.out(`${String(seq)}  ${preciseMomentText(at, Date.now())}  ${event}, id ${id}${keyText}`);
    io.out(`    given up after ${plural(attempts, 'attempt')}: ${escapeControls(firstLine(error))}`);
  }
  if (dead.length > 0) io.err(`Once the cause is mended: npx tutti events redrive ${receiver}`);
  return exit('ok');
}
