/** What `tutti top` shows: one line for the whole, a row per instance, what happened last, the keys. Pure. */
import { displayName } from '../core/ids.ts';
import { eventWords } from '../core/event-words.ts';
import type { TuttiEvent } from '../core/events.ts';
import type { Paint } from '../core/paint.ts';
import type { AppStatus, InstanceStatus } from '../core/status.ts';
import type { Size } from './live-view.ts';
import { bytesText } from './quantities.ts';
import { sortedRows, sortings, sortKeys } from './sort-rows.ts';
import type { SortKey } from './sort-rows.ts';
import { columns, headText, instanceRow, noteLines } from './status-table.ts';
import { eventLine, storyLines } from './story-text.ts';
import { fitTable, renderTable } from './table.ts';
import { silenceText } from './watch-status.ts';
import type { Look } from './watch-status.ts';

export interface TopFacts {
  readonly look: Look;
  /** Newest last. */
  readonly events: readonly TuttiEvent[];
  readonly sort: SortKey;
  /** One a line, instead of what happened last. */
  readonly showsKeys: boolean;
  readonly size: Size;
  readonly paint: Paint;
}

const mostTopEvents = 5;
/** Blank, title of the table, blank, keys. */
const linesBetween = 4;
/** However small the terminal is. */
const leastRows = 3;

const sum = (instances: readonly InstanceStatus[], of: (instance: InstanceStatus) => number | null): number =>
  instances.reduce((total, instance) => total + (of(instance) ?? 0), 0);

function totalsText({ services }: AppStatus): string {
  const all = services.flatMap(({ instances }) => instances);
  const ready = services.reduce((count, service) => count + service.ready, 0);
  const wanted = services.reduce((count, service) => count + service.wanted, 0);
  return [
    `${String(ready)} of ${String(wanted)} ready`,
    `CPU ${sum(all, ({ cpuPercent }) => cpuPercent).toFixed(0)}%`,
    `MEM ${bytesText(sum(all, ({ rssBytes }) => rssBytes))}`,
    `${sum(all, ({ requestsPerSecond }) => requestsPerSecond).toFixed(1)} req/s`,
    `${String(sum(all, ({ inFlight }) => inFlight))} in flight`,
    `${String(sum(all, ({ errors }) => errors))} errors`,
    `${String(sum(all, ({ restarts }) => restarts))} restarts`,
  ].join('   ');
}

/** By name a service's name stands once; sorted by a number each row has its own. */
function tableLines({ look, sort, size, paint }: TopFacts): string[] {
  const { services, takenAt } = look.status;
  let last = '';
  const rows = sortedRows(services, sort).map(({ service, instance }) => {
    const isRepeated = sort === 'name' && service === last;
    last = service;
    return instanceRow(isRepeated ? '' : displayName(service), instance, takenAt);
  });
  const { column } = sortings[sort];
  const marked = columns.map((each) => (each.title === column ? { ...each, title: `▼${column}` } : each));
  const table = fitTable({ columns: marked, rows }, size.columns - 2);
  return renderTable(table, paint).map((line) => `  ${line}`);
}

function keysText(sort: SortKey, paint: Paint): string {
  const keys = sortKeys.map((name) => {
    const text = `${sortings[name].key} ${name}`;
    return name === sort ? paint('bold', text) : text;
  });
  return `  q ends   ? keys   sorted by: ${keys.join('  ')}`;
}

function keyLines(paint: Paint): string[] {
  const words = (name: SortKey): string =>
    name === 'name' ? 'in the order of the app file' : `by ${name}, the largest first`;
  return [
    '',
    ...sortKeys.map((name) => `  ${paint('bold', sortings[name].key)}  ${words(name)}`),
    `  ${paint('bold', 'q')}  ends, as Escape and Ctrl-C do`,
  ];
}

/** The rows come first, then what is not as it should be, then what happened; what does not fit is left out, rows are counted. */
export function renderTop(facts: TopFacts): string[] {
  const { look, events, sort, size, paint } = facts;
  const silence = silenceText(look);
  const head = [headText(look.status, paint), totalsText(look.status)];
  if (silence !== undefined) head.push(paint('yellow', silence));
  const [title = '', ...all] = tableLines(facts);
  const room = size.rows - head.length - linesBetween;
  const rows = fitting(all, room, paint);
  if (facts.showsKeys) {
    const keys = keyLines(paint);
    return [
      ...head,
      '',
      title,
      ...rows.slice(0, Math.max(0, room - keys.length)),
      ...keys,
      '',
      keysText(sort, paint),
    ];
  }
  const notes = noteLines(look.status, paint).slice(0, Math.max(0, room - rows.length));
  const story = storyOf(events, room - rows.length - notes.length, facts);
  return [...head, '', title, ...rows, ...notes, ...story, '', keysText(sort, paint)];
}

function storyOf(events: readonly TuttiEvent[], room: number, { look, paint }: TopFacts): string[] {
  const most = Math.min(mostTopEvents, room - 1);
  if (most <= 0) return [];
  const story = events
    .filter((event) => !eventWords(event).isStep)
    .slice(-most)
    .map(eventLine);
  const options = { paint, width: Infinity, now: look.status.takenAt };
  return story.length === 0 ? [] : ['', ...storyLines(story, options)];
}

function fitting(rows: readonly string[], room: number, paint: Paint): string[] {
  const most = Math.max(leastRows, room);
  if (rows.length <= most) return [...rows];
  const left = rows.length - most + 1;
  return [
    ...rows.slice(0, most - 1),
    paint('gray', `  … ${String(left)} more: sort, or make the window higher`),
  ];
}
