/**
 * The area `events` of a store: what was emitted for services that must have it, in the order in which it came, and how far each of them is. An event says itself
 * for whom it is, so that keeping it is one row, whoever has to get it.
 */
import { bounds } from '../../core/bounds.ts';
import { TuttiError } from '../../core/errors.ts';
import type { Area, StoreReader, StoreRow, StoreWriter } from '../sqlite/area.ts';
import { checkedRow, checksumOf } from '../sqlite/checksum.ts';
import { nextOfKey, oldest, owed } from './event-owed.ts';
import { readPage, span, topicsPage } from './event-pages.ts';
import { replay } from './event-replay.ts';
import { pass, settle } from './event-settling.ts';
import {
  checkedDelivery,
  deliveries,
  eventMigrations,
  eventOf,
  events,
  namesText,
  receivers,
  writeDelivery,
} from './event-tables.ts';
import type { KeptEvent } from './event-tables.ts';
import { EventWriter, ofEvents } from './event-writer.ts';

export interface DeadEvent extends KeptEvent {
  readonly receiver: string;
  readonly attempts: number;
  readonly error: string;
}

export interface Receiver {
  readonly receiver: string;
  /** Events that it has still to get. */
  readonly owed: number;
  /** Given up after all their attempts. */
  readonly dead: number;
}

export interface EventToKeep extends Pick<KeptEvent, 'event' | 'id' | 'key' | 'priority' | 'body'> {
  readonly receivers: readonly string[];
}

export interface KeepInput {
  readonly events: readonly EventToKeep[];
}

export const eventsArea: Area = {
  name: 'events',
  migrations: eventMigrations,
  tables: [events, deliveries, receivers],
  mutations: {
    ...{ keep: ofEvents(keep), settle: ofEvents(settle), pass: ofEvents(pass) },
    ...{ redrive: ofEvents(redrive), replay: ofEvents(replay) },
  },
  writer: (db) => new EventWriter(db),
  queries: {
    owed,
    nextOfKey,
    body: (db, { seq }: { readonly seq: number }) => eventOf(db, seq).body,
    receivers: listReceivers,
    oldest,
    dead,
    span,
    read: readPage,
    topics: topicsPage,
  },
  sweep,
};

/**
 * All of them or none; gives their numbers. The oldest of a key is delivered first, whatever the name of the event.
 * @throws {TuttiError} `OVERLOADED` when one of those they are for has too much to come.
 */
function keep(db: EventWriter, { events: asked }: KeepInput, now: number): number[] {
  const shares = sharesOf(asked);
  for (const [receiver, { count }] of shares)
    if (db.progressOf(receiver).owed + count > bounds.owedEvents)
      throw new TuttiError('OVERLOADED', {
        what: `${receiver}, which has ${String(bounds.owedEvents)} events to come,`,
        isFull: true,
      });
  const seqs = asked.map((event) => keepOne(db, event, now));
  for (const [receiver, { count, first }] of shares) {
    // Who has got all is past whatever was for others.
    if (db.progressOf(receiver).owed === 0) db.moveTo(receiver, (seqs[first] ?? 0) - 1);
    db.addTotals(receiver, { owed: count });
  }
  return seqs;
}

interface Share {
  /** Where the first one is that is for it. */
  readonly first: number;
  count: number;
}

/** By receiver: what of them is for it. */
function sharesOf(asked: readonly EventToKeep[]): Map<string, Share> {
  const shares = new Map<string, Share>();
  for (const [index, { receivers: each }] of asked.entries())
    for (const receiver of each) {
      const share = shares.get(receiver);
      if (share === undefined) shares.set(receiver, { first: index, count: 1 });
      else share.count += 1;
    }
  return shares;
}

function keepOne(db: EventWriter, input: EventToKeep, now: number): number {
  const { event, id, key, priority, body } = input;
  const seq = db.nextSeq();
  const names = namesText(input.receivers);
  const row = { seq, event, id, order_key: key, priority, at: now, receivers: names, body };
  db.insert(events.name, [seq, event, id, key, priority, now, names, body, checksumOf(events, row)]);
  return seq;
}

export interface RedriveInput {
  readonly receiver: string;
  /** Undefined: all of them, as many as one change may have. */
  readonly seq?: number;
}

/** Those that were given up are owed again, with all their attempts. Gives how many. */
function redrive(db: EventWriter, { receiver, seq }: RedriveInput, now: number): number {
  const sql =
    'SELECT * FROM event_deliveries WHERE receiver = ? AND is_dead = 1 AND seq >= ? AND seq <= ? LIMIT ?';
  const rows = db.all(sql, receiver, seq ?? 0, seq ?? Number.MAX_SAFE_INTEGER, bounds.eventPage);
  for (const row of rows)
    writeDelivery(db, { ...checkedDelivery(row), attempts: 0, due: now, is_dead: 0, error: '' });
  if (rows.length > 0) db.addTotals(receiver, { owed: rows.length, dead: -rows.length });
  return rows.length;
}

export interface EventPlace {
  readonly receiver: string;
  readonly after: number;
  readonly limit: number;
}

function listReceivers(db: StoreReader): Receiver[] {
  const rows = db.all('SELECT * FROM event_receivers ORDER BY receiver');
  return rows.map((row) => {
    const { receiver, owed: count, dead: given } = checkedRow(receivers, row) as StoreRow & Receiver;
    return { receiver, owed: count, dead: given };
  });
}

function dead(db: StoreReader, { receiver, after, limit }: EventPlace): DeadEvent[] {
  const sql =
    'SELECT * FROM event_deliveries WHERE receiver = ? AND seq > ? AND is_dead = 1 ORDER BY seq LIMIT ?';
  return db.all(sql, receiver, after, Math.min(limit, bounds.eventPage)).map((row) => {
    const delivery = checkedDelivery(row);
    const { attempts, error } = delivery;
    return { ...eventOf(db, delivery.seq), receiver, attempts, error };
  });
}

/** What is owed to nobody is kept for a while, to be looked at. */
function sweep(db: StoreWriter, now: number, mostRows: number): number {
  const hasRow = 'SELECT 1 FROM event_deliveries AS delivery WHERE delivery.seq = record.seq';
  const isAhead =
    'SELECT 1 FROM event_receivers AS one WHERE one.position < record.seq AND instr(record.receivers, char(10) || one.receiver || char(10)) > 0';
  const old = `SELECT seq FROM event_records AS record WHERE at <= ? AND NOT EXISTS (${hasRow}) AND NOT EXISTS (${isAhead}) ORDER BY at LIMIT ?`;
  return db.run(`DELETE FROM event_records WHERE seq IN (${old})`, now - bounds.keptEventMs, mostRows);
}
