/** The tables of durable events, and their rows, each read and written with its checksum. Used by the parts of the area `events`. */
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

/** One that a service has still to get, or that was given up. */
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
};

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

export function findDelivery(db: StoreReader, receiver: string, seq: number): Delivery | undefined {
  const row = db.get('SELECT * FROM event_deliveries WHERE receiver = ? AND seq = ?', receiver, seq);
  return row && (checkedRow(deliveries, row) as StoreRow & Delivery);
}

/** Undefined: it is not kept. @throws {TuttiError} `STORE_CORRUPT` */
export function findEvent(db: StoreReader, number: number): KeptEvent | undefined {
  const row = db.get('SELECT * FROM event_records WHERE seq = ?', number);
  if (row === undefined) return undefined;
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
