/**
 * The area `events` of a store: what was emitted for services that must have it, and to whom it has still to be delivered. An event and its deliveries are one
 * change; what was delivered leaves its row, so what is owed is what is there.
 */
import { bounds } from '../../core/bounds.ts';
import { TuttiError } from '../../core/errors.ts';
import type { Area, StoreReader, StoreRow, StoreWriter } from '../sqlite/area.ts';
import { checkedRow, checksumOf } from '../sqlite/checksum.ts';
import { storedText } from '../sqlite/stored-text.ts';
import { readPage, span, topicsPage } from './event-pages.ts';
import { replay } from './event-replay.ts';
import { deliveries, events, findDelivery, findEvent, receivers, writeDelivery } from './event-tables.ts';
import type { Delivery, KeptEvent } from './event-tables.ts';
import { EventWriter, ofEvents } from './event-writer.ts';

/** One that a service has still to get. `waitMs`: not before. */
export interface OwedEvent extends KeptEvent {
  readonly attempts: number;
  readonly waitMs: number;
}

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

export type SettleInput = { readonly receiver: string; readonly seq: number } & (
  | { readonly end: 'done' }
  | { readonly end: 'retry'; readonly afterMs: number; readonly error: string }
  | { readonly end: 'dead'; readonly error: string }
);

export const eventsArea: Area = {
  name: 'events',
  migrations: [
    `CREATE TABLE event_records (
       seq INTEGER PRIMARY KEY AUTOINCREMENT,
       event TEXT NOT NULL,
       id TEXT NOT NULL,
       order_key TEXT,
       priority INTEGER NOT NULL,
       at INTEGER NOT NULL,
       body TEXT NOT NULL,
       checksum INTEGER NOT NULL
     ) STRICT;
     CREATE INDEX event_records_by_time ON event_records (at);
     CREATE TABLE event_deliveries (
       receiver TEXT NOT NULL,
       seq INTEGER NOT NULL REFERENCES event_records (seq),
       order_key TEXT,
       attempts INTEGER NOT NULL,
       due INTEGER NOT NULL,
       is_dead INTEGER NOT NULL,
       error TEXT NOT NULL,
       checksum INTEGER NOT NULL,
       PRIMARY KEY (receiver, seq)
     ) STRICT, WITHOUT ROWID;
     CREATE INDEX event_deliveries_by_event ON event_deliveries (seq);
     CREATE INDEX event_deliveries_by_key ON event_deliveries (receiver, order_key, seq) WHERE order_key IS NOT NULL;
     CREATE TABLE event_receivers (
       receiver TEXT PRIMARY KEY,
       owed INTEGER NOT NULL,
       dead INTEGER NOT NULL,
       checksum INTEGER NOT NULL
     ) STRICT, WITHOUT ROWID;`,
  ],
  tables: [events, deliveries, receivers],
  mutations: {
    ...{ keep: ofEvents(keep), settle: ofEvents(settle) },
    ...{ redrive: ofEvents(redrive), replay: ofEvents(replay) },
  },
  writer: (db) => new EventWriter(db),
  queries: {
    owed,
    nextOfKey,
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
  refuseExcess(db, asked);
  return asked.map((event) => keepOne(db, event, now));
}

function refuseExcess(db: EventWriter, asked: readonly EventToKeep[]): void {
  const more = new Map<string, number>();
  for (const receiver of asked.flatMap(({ receivers: each }) => each))
    more.set(receiver, (more.get(receiver) ?? 0) + 1);
  for (const [receiver, count] of more)
    if (db.totalsOf(receiver).owed + count > bounds.owedEvents)
      throw new TuttiError('OVERLOADED', {
        what: `${receiver}, which has ${String(bounds.owedEvents)} events to come,`,
        isFull: true,
      });
}

function keepOne(db: EventWriter, input: EventToKeep, now: number): number {
  const { event, id, key, priority, body } = input;
  const seq = db.nextSeq();
  const row = { seq, event, id, order_key: key, priority, at: now, body };
  db.run(
    'INSERT INTO event_records VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
    ...[seq, event, id, key, priority, now, body, checksumOf(events, row)],
  );
  for (const receiver of input.receivers) {
    writeDelivery(db, { receiver, seq, order_key: key, attempts: 0, due: now, is_dead: 0, error: '' });
    db.addTotals(receiver, { owed: 1 });
  }
  return seq;
}

/** What is not owed any more stays so. */
function settle(db: EventWriter, input: SettleInput, now: number): void {
  const { receiver, seq } = input;
  if (input.end === 'done') {
    const sql = 'DELETE FROM event_deliveries WHERE receiver = ? AND seq = ? AND is_dead = 0';
    if (db.run(sql, receiver, seq) > 0) db.addTotals(receiver, { owed: -1 });
    return;
  }
  const row = findDelivery(db, receiver, seq);
  if (row === undefined || row.is_dead === 1) return;
  const attempts = row.attempts + 1;
  const error = storedText(input.error, bounds.deadEventError);
  if (input.end === 'retry') {
    writeDelivery(db, { ...row, attempts, error, due: now + input.afterMs });
    return;
  }
  writeDelivery(db, { ...row, attempts, error, is_dead: 1 });
  db.addTotals(receiver, { owed: -1, dead: 1 });
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
  for (const row of rows) {
    const known = checkedRow(deliveries, row) as StoreRow & Delivery;
    writeDelivery(db, { ...known, attempts: 0, due: now, is_dead: 0, error: '' });
  }
  if (rows.length > 0) db.addTotals(receiver, { owed: rows.length, dead: -rows.length });
  return rows.length;
}

export interface EventPlace {
  readonly receiver: string;
  readonly after: number;
  readonly limit: number;
}

interface OwedPlace extends EventPlace {
  readonly upTo: number;
}

/** Both rows are checked, each by its own sum. */
function withDeliveries(db: StoreReader, found: readonly StoreRow[]): [KeptEvent, Delivery][] {
  return found.map((row) => {
    const delivery = checkedRow(deliveries, row) as StoreRow & Delivery;
    const event = findEvent(db, delivery.seq);
    if (event === undefined)
      throw new TuttiError('STORE_CORRUPT', {
        what: `the event ${String(delivery.seq)} is owed and not there`,
      });
    return [event, delivery];
  });
}

const owedOf = (db: StoreReader, found: readonly StoreRow[], now: number): OwedEvent[] =>
  withDeliveries(db, found).map(([event, { attempts, due }]) => ({
    ...event,
    attempts,
    waitMs: Math.max(0, due - now),
  }));

function owed(db: StoreReader, { receiver, after, upTo, limit }: OwedPlace, now: number): OwedEvent[] {
  const sql =
    'SELECT * FROM event_deliveries WHERE receiver = ? AND seq > ? AND seq <= ? AND is_dead = 0 ORDER BY seq LIMIT ?';
  return owedOf(db, db.all(sql, receiver, after, upTo, Math.min(limit, bounds.eventPage)), now);
}

interface KeyPlace {
  readonly receiver: string;
  readonly key: string;
  readonly upTo: number;
}

function nextOfKey(db: StoreReader, { receiver, key, upTo }: KeyPlace, now: number): OwedEvent | undefined {
  const sql =
    'SELECT * FROM event_deliveries WHERE receiver = ? AND order_key = ? AND seq <= ? AND is_dead = 0 ORDER BY seq LIMIT 1';
  return owedOf(db, db.all(sql, receiver, key, upTo), now)[0];
}

function listReceivers(db: StoreReader): Receiver[] {
  const rows = db.all('SELECT * FROM event_receivers ORDER BY receiver');
  return rows.map((row) => {
    const { receiver, owed: count, dead: given } = checkedRow(receivers, row) as StoreRow & Receiver;
    return { receiver, owed: count, dead: given };
  });
}

export interface OldestInput {
  readonly receiver: string;
  /** None before it is owed: those that were given up are not gone through again. */
  readonly from: number;
}

export interface OldestOwed {
  readonly seq: number;
  readonly ageMs: number;
}

/** The oldest that a service has still to get; undefined: it has all. */
function oldest(db: StoreReader, { receiver, from }: OldestInput, now: number): OldestOwed | undefined {
  const sql =
    'SELECT delivery.seq, at FROM event_deliveries AS delivery JOIN event_records AS record ON record.seq = delivery.seq WHERE receiver = ? AND delivery.seq >= ? AND is_dead = 0 ORDER BY delivery.seq LIMIT 1';
  const row = db.get(sql, receiver, from);
  return row && { seq: Number(row['seq']), ageMs: Math.max(0, now - Number(row['at'])) };
}

function dead(db: StoreReader, { receiver, after, limit }: EventPlace): DeadEvent[] {
  const sql =
    'SELECT * FROM event_deliveries WHERE receiver = ? AND seq > ? AND is_dead = 1 ORDER BY seq LIMIT ?';
  const found = db.all(sql, receiver, after, Math.min(limit, bounds.eventPage));
  return withDeliveries(db, found).map(([event, { attempts, error }]) => ({
    ...event,
    receiver,
    attempts,
    error,
  }));
}

/** What is owed to nobody is kept for a while, to be looked at. */
function sweep(db: StoreWriter, now: number, mostRows: number): number {
  const isOwed = 'SELECT 1 FROM event_deliveries WHERE event_deliveries.seq = event_records.seq';
  const old = `SELECT seq FROM event_records WHERE at <= ? AND NOT EXISTS (${isOwed}) ORDER BY at LIMIT ?`;
  return db.run(`DELETE FROM event_records WHERE seq IN (${old})`, now - bounds.keptEventMs, mostRows);
}
