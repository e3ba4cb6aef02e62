/**
 * What a service has still to get. Most of it is simply behind its place in the log, and nothing more is written about it; what it was past before that was handled
 * has a row of its own: it failed, or was slower than what came after it, or was kept once more.
 */
import { bounds } from '../../core/bounds.ts';
import type { StoreReader, StoreRow } from '../sqlite/area.ts';
import { ifSound } from '../sqlite/checksum.ts';
import { checkedDelivery, checkedEvent, eventOf, namesText } from './event-tables.ts';
import type { KeptEvent } from './event-tables.ts';
import { findProgress } from './event-writer.ts';
import type { Progress } from './event-writer.ts';

/** One that a service has still to get. `waitMs`: not before. */
export interface OwedEvent extends KeptEvent {
  readonly attempts: number;
  readonly waitMs: number;
}

export interface OwedInput {
  readonly receiver: string;
  readonly after: number;
  readonly upTo: number;
  readonly limit: number;
}

export interface OwedPage {
  /** In the order of their numbers. */
  readonly events: readonly OwedEvent[];
  /** Numbers of those that cannot be read: they stay owed, and hold up no other. */
  readonly damaged: readonly number[];
  /** All that it has to get up to this number is among them. */
  readonly through: number;
  /** There is nothing behind that. */
  readonly isLast: boolean;
  /** How far may be looked ahead of its place: who wants more passes what is before it. */
  readonly horizon: number;
}

const rowsAfter =
  'SELECT * FROM event_deliveries WHERE receiver = ? AND seq > ? AND seq <= ? AND is_dead = 0 ORDER BY seq LIMIT ?';
const eventsAfter =
  'SELECT * FROM event_records WHERE seq > ? AND seq <= ? AND instr(receivers, ?) > 0 ORDER BY seq LIMIT ?';

/** One whose row is damaged counts as one that was never tried. */
function again(db: StoreReader, row: StoreRow, now: number): OwedEvent {
  const { attempts, due } = ifSound(() => checkedDelivery(row)) ?? { attempts: 0, due: now };
  return { ...eventOf(db, Number(row['seq'])), attempts, waitMs: Math.max(0, due - now) };
}

const untried = (row: StoreRow): OwedEvent => ({ ...checkedEvent(row), attempts: 0, waitMs: 0 });
const seqOf = (row: StoreRow): number => Number(row['seq']);

export const horizonOf = ({ position }: Progress): number => position + bounds.eventsAhead;

const nothing: OwedPage = { events: [], damaged: [], through: 0, isLast: true, horizon: 0 };

export function owed(db: StoreReader, input: OwedInput, now: number): OwedPage {
  const { receiver, after } = input;
  const progress = findProgress(db, receiver);
  if (progress === undefined) return nothing;
  const limit = Math.min(input.limit, bounds.eventPage);
  const newest = Number(db.get('SELECT MAX(seq) AS seq FROM event_records')?.['seq'] ?? 0);
  const horizon = horizonOf(progress);
  const upTo = Math.min(input.upTo, newest, horizon);
  const rows = db.all(rowsAfter, receiver, after, upTo, limit);
  const place = [Math.max(after, progress.position), upTo, namesText([receiver]), limit] as const;
  const found = db.all(eventsAfter, ...place);
  const full = [rows, found].filter((list) => list.length === limit);
  const ends = full.flatMap((list) => list.slice(-1).map(seqOf));
  const through = Math.min(upTo, ...ends);
  const damaged: number[] = [];
  const readAll = (list: readonly StoreRow[], read: (row: StoreRow) => OwedEvent): OwedEvent[] =>
    list.flatMap((row) => {
      if (seqOf(row) > through) return [];
      const event = ifSound(() => read(row));
      if (event === undefined) damaged.push(seqOf(row));
      return event ?? [];
    });
  const events = [...readAll(rows, (row) => again(db, row, now)), ...readAll(found, untried)];
  // Those with a row stand before the others, but for one that was kept once more ahead of its place.
  events.sort((left, right) => left.seq - right.seq);
  return { events, damaged, through, isLast: through >= newest, horizon };
}

export interface KeyPlace {
  readonly receiver: string;
  readonly key: string;
  readonly upTo: number;
}

/** The oldest of a key that can be read. */
export function nextOfKey(db: StoreReader, place: KeyPlace, now: number): OwedEvent | undefined {
  const progress = findProgress(db, place.receiver);
  if (progress === undefined) return undefined;
  for (let after = 0; ;) {
    const row = oldestOfKey(db, place, { after, progress });
    if (row === undefined) return undefined;
    const event = ifSound(() => ('body' in row ? untried(row) : again(db, row, now)));
    if (event !== undefined) return event;
    after = seqOf(row);
  }
}

/** Of its deliveries, or of the events that it was not past. */
function oldestOfKey(
  db: StoreReader,
  { receiver, key, upTo }: KeyPlace,
  { after, progress }: { readonly after: number; readonly progress: Progress },
): StoreRow | undefined {
  const row = db.get(
    'SELECT * FROM event_deliveries WHERE receiver = ? AND order_key = ? AND seq > ? AND seq <= ? AND is_dead = 0 ORDER BY seq LIMIT 1',
    ...[receiver, key, after, upTo],
  );
  // No index: it is no longer a way than to the horizon.
  const found = db.get(
    'SELECT * FROM event_records WHERE seq > ? AND seq <= ? AND order_key = ? AND instr(receivers, ?) > 0 ORDER BY seq LIMIT 1',
    ...[Math.max(after, progress.position), Math.min(upTo, horizonOf(progress))],
    ...[key, namesText([receiver])],
  );
  return row !== undefined && seqOf(row) < Number(found?.['seq'] ?? Infinity) ? row : found;
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
export function oldest(
  db: StoreReader,
  { receiver, from }: OldestInput,
  now: number,
): OldestOwed | undefined {
  const position = findProgress(db, receiver)?.position;
  if (position === undefined) return undefined;
  const sql =
    'SELECT delivery.seq, at FROM event_deliveries AS delivery JOIN event_records AS record ON record.seq = delivery.seq WHERE receiver = ? AND delivery.seq >= ? AND is_dead = 0 ORDER BY delivery.seq LIMIT 1';
  const untried =
    'SELECT seq, at FROM event_records WHERE seq > ? AND instr(receivers, ?) > 0 ORDER BY seq LIMIT 1';
  const found = [
    db.get(sql, receiver, from),
    db.get(untried, Math.max(position, from - 1), namesText([receiver])),
  ].flatMap((row) => (row === undefined ? [] : [{ seq: Number(row['seq']), at: Number(row['at']) }]));
  const [first] = found.sort((left, right) => left.seq - right.seq);
  return first && { seq: first.seq, ageMs: Math.max(0, now - first.at) };
}
