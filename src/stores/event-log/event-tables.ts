/** The tables of durable events, and their rows, each read and written with its checksum. Used by the parts of the area `events`. */
import { TuttiError } from '../../core/errors.ts';
import { newRows } from '../sqlite/area.ts';
import type { CheckedTable, StoreReader, StoreRow, StoreWriter } from '../sqlite/area.ts';
import { checkedRow, checksumOf } from '../sqlite/checksum.ts';

/** An event as it was kept. */
export interface KeptEvent {
  readonly seq: number;
  readonly event: string;
  /** The same at each delivery. */
  readonly id: string;
  readonly key: string | null;
  readonly priority: number;
  /** Epoch milliseconds of the store's clock. */
  readonly at: number;
  /** JSON: payload and context. */
  readonly body: string;
}

/** One that a service has still to get though its place is past it, or that was given up. */
export interface Delivery {
  readonly receiver: string;
  readonly seq: number;
  readonly order_key: string | null;
  readonly attempts: number;
  readonly due: number;
  readonly is_dead: number;
  readonly error: string;
}

export const events: CheckedTable = {
  name: 'event_records',
  key: ['seq'],
  content: ['event', 'id', 'order_key', 'priority', 'at', 'body'],
  later: ['receivers'],
  long: 'body',
};
export const deliveries: CheckedTable = {
  name: 'event_deliveries',
  key: ['receiver', 'seq'],
  content: ['order_key', 'attempts', 'due', 'is_dead', 'error'],
};
export const receivers: CheckedTable = {
  name: 'event_receivers',
  key: ['receiver'],
  content: ['owed', 'dead'],
  later: ['position'],
};

export const eventMigrations: readonly string[] = [
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
  // Who it is for stands before the body, which may be large and is then read by nobody who only asks for whom it is. What was owed has its rows, and keeps them.
  `CREATE TABLE event_records_for (
     seq INTEGER PRIMARY KEY AUTOINCREMENT,
     event TEXT NOT NULL,
     id TEXT NOT NULL,
     order_key TEXT,
     priority INTEGER NOT NULL,
     at INTEGER NOT NULL,
     receivers TEXT NOT NULL,
     body TEXT NOT NULL,
     checksum INTEGER NOT NULL
   ) STRICT;
   INSERT INTO event_records_for SELECT seq, event, id, order_key, priority, at, '', body, checksum FROM event_records ORDER BY seq;
   DELETE FROM sqlite_sequence WHERE name = 'event_records_for';
   INSERT INTO sqlite_sequence SELECT 'event_records_for', seq FROM sqlite_sequence WHERE name = 'event_records';
   CREATE TABLE event_deliveries_for (
     receiver TEXT NOT NULL,
     seq INTEGER NOT NULL REFERENCES event_records_for (seq),
     order_key TEXT,
     attempts INTEGER NOT NULL,
     due INTEGER NOT NULL,
     is_dead INTEGER NOT NULL,
     error TEXT NOT NULL,
     checksum INTEGER NOT NULL,
     PRIMARY KEY (receiver, seq)
   ) STRICT, WITHOUT ROWID;
   INSERT INTO event_deliveries_for SELECT * FROM event_deliveries;
   DROP TABLE event_deliveries;
   DROP TABLE event_records;
   ALTER TABLE event_records_for RENAME TO event_records;
   ALTER TABLE event_deliveries_for RENAME TO event_deliveries;
   CREATE INDEX event_records_by_time ON event_records (at);
   CREATE INDEX event_deliveries_by_event ON event_deliveries (seq);
   CREATE INDEX event_deliveries_by_key ON event_deliveries (receiver, order_key, seq) WHERE order_key IS NOT NULL;
   ALTER TABLE event_receivers ADD COLUMN position INTEGER NOT NULL DEFAULT 0;`,
  newRows,
];

/** As they stand in `event_records.receivers`: each between ends of line, so that one is found by `instr`, and no other that contains it. */
export const namesText = (names: readonly string[]): string =>
  names.length === 0 ? '' : `\n${names.join('\n')}\n`;

export function writeDelivery(db: StoreWriter, row: Delivery): void {
  db.run(
    'INSERT OR REPLACE INTO event_deliveries VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
    row.receiver,
    row.seq,
    row.order_key,
    row.attempts,
    row.due,
    row.is_dead,
    row.error,
    checksumOf(deliveries, row as unknown as StoreRow),
  );
}

export const checkedDelivery = (row: StoreRow): Delivery =>
  checkedRow(deliveries, row) as StoreRow & Delivery;

export function findDelivery(db: StoreReader, receiver: string, seq: number): Delivery | undefined {
  const row = db.get('SELECT * FROM event_deliveries WHERE receiver = ? AND seq = ?', receiver, seq);
  return row && checkedDelivery(row);
}

/** @throws {TuttiError} `STORE_CORRUPT` */
export function checkedEvent(row: StoreRow): KeptEvent {
  const {
    seq,
    event,
    id,
    order_key: key,
    priority,
    at,
    body,
  } = checkedRow(events, row) as StoreRow & Omit<KeptEvent, 'key'> & { readonly order_key: string | null };
  return { seq, event, id, key, priority, at, body };
}

/** Undefined: it is not kept. @throws {TuttiError} `STORE_CORRUPT` */
export function findEvent(db: StoreReader, number: number): KeptEvent | undefined {
  const row = db.get('SELECT * FROM event_records WHERE seq = ?', number);
  return row && checkedEvent(row);
}

/** One that somebody has to get: it is kept as long. @throws {TuttiError} `STORE_CORRUPT` */
export function eventOf(db: StoreReader, seq: number): KeptEvent {
  const event = findEvent(db, seq);
  if (event !== undefined) return event;
  throw new TuttiError('STORE_CORRUPT', { what: `the event ${String(seq)} is owed and not there` });
}
