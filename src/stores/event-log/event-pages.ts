/**
 * What is kept of events, gone through by their numbers, so many at a time: nobody else waits long for who looks, however much there is. Used by
 * services/store, which goes on from page to page.
 */
import { bounds } from '../../core/bounds.ts';
import { TuttiError } from '../../core/errors.ts';
import type { StoreReader } from '../sqlite/area.ts';
import { findEvent } from './event-tables.ts';
import type { KeptEvent } from './event-tables.ts';

/** As much of an event as says whether one wants it: what is large of it is not read. */
export interface EventMark {
  readonly seq: number;
  readonly event: string;
  readonly at: number;
  /** See `namesText`. */
  readonly receivers: string;
}

const marks =
  'SELECT seq, event, at, receivers FROM event_records WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?';
const everything = Number.MAX_SAFE_INTEGER;

interface MarksPlace {
  readonly after: number;
  readonly upTo: number;
  readonly limit: number;
}

/** The next ones, oldest first. */
export const marksAfter = (db: StoreReader, { after, upTo, limit }: MarksPlace): EventMark[] =>
  db.all(marks, after, upTo, limit) as unknown as EventMark[];

export interface TimeSpan {
  /** Epoch milliseconds, both within it. */
  readonly since: number;
  readonly until: number;
}

export interface NumberSpan {
  readonly first: number;
  readonly last: number;
}

/** Of what was kept in this time; undefined: nothing. Numbers follow the time, unless the clock was set back by hours while nobody had the store. */
export function span(db: StoreReader, { since, until }: TimeSpan): NumberSpan | undefined {
  const sql = 'SELECT MIN(seq) AS first, MAX(seq) AS last FROM event_records WHERE at >= ? AND at <= ?';
  const row = db.get(sql, since, until) as unknown as NumberSpan | { readonly first: null };
  return row.first === null ? undefined : row;
}

/** More may come behind it: `through` is where to go on, or null. */
export interface Page {
  readonly through: number | null;
}

export interface TopicsPage extends Page {
  readonly topics: readonly {
    readonly event: string;
    readonly kept: number;
    readonly oldest: number;
    readonly newest: number;
  }[];
  readonly owed: readonly { readonly event: string; readonly receiver: string; readonly owed: number }[];
}

/** How many of each name there are on this page, and who has how many of them to come. Only counted: no row is held against its checksum. */
export function topicsPage(db: StoreReader, { after }: { readonly after: number }): TopicsPage {
  const place = [after, everything, bounds.eventScan] as const;
  const topics = db.all(
    `SELECT event, COUNT(*) AS kept, MIN(at) AS oldest, MAX(at) AS newest, MAX(seq) AS last FROM (${marks}) GROUP BY event`,
    ...place,
  ) as unknown as (TopicsPage['topics'][number] & { readonly last: number })[];
  const owed = db.all(
    `WITH mark AS (${marks}), owed AS (
       SELECT event, receiver FROM mark JOIN event_deliveries AS delivery ON delivery.seq = mark.seq WHERE is_dead = 0
       UNION ALL
       SELECT event, receiver FROM mark JOIN event_receivers AS one ON position < seq AND instr(receivers, char(10) || receiver || char(10)) > 0
     )
     SELECT event, receiver, COUNT(*) AS owed FROM owed GROUP BY event, receiver ORDER BY receiver`,
    ...place,
  ) as unknown as TopicsPage['owed'];
  const count = topics.reduce((sum, { kept }) => sum + kept, 0);
  const through = count < bounds.eventScan ? null : Math.max(...topics.map(({ last }) => last));
  return { topics: topics.map(({ last: _last, ...topic }) => topic), owed, through };
}

export interface ReadInput {
  readonly event: string;
  /** Epoch milliseconds. */
  readonly since: number;
  readonly after: number;
  readonly limit: number;
}

export interface ReadPage extends Page {
  readonly events: readonly KeptEvent[];
  /** As many, or as much, as one answer has: there is no use in going on. */
  readonly isFull: boolean;
}

/** Those of one name, oldest first. */
export function readPage(db: StoreReader, { event, since, after, limit }: ReadInput): ReadPage {
  const found = marksAfter(db, { after, upTo: everything, limit: bounds.eventScan });
  const events: KeptEvent[] = [];
  let size = 0;
  for (const mark of found) {
    if (mark.event !== event || mark.at < since) continue;
    const kept = findEvent(db, mark.seq);
    if (kept === undefined) throw new TuttiError('STORE_CORRUPT', { what: `the event ${String(mark.seq)}` });
    events.push(kept);
    size += kept.body.length;
    if (events.length >= limit || size >= bounds.eventReadSize)
      return { events, through: mark.seq, isFull: true };
  }
  const last = found.length < bounds.eventScan ? undefined : found.at(-1);
  return { events, through: last?.seq ?? null, isFull: false };
}
