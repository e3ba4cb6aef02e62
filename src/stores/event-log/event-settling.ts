/**
 * How deliveries ended, as many as ended at once. The service is then past the last of them: what is before that one and was not handled gets a row of its own, and
 * whatever was handled leaves none.
 */
import { bounds } from '../../core/bounds.ts';
import { ifSound } from '../sqlite/checksum.ts';
import { storedText } from '../sqlite/stored-text.ts';
import { horizonOf } from './event-owed.ts';
import { checkedDelivery, namesText, writeDelivery } from './event-tables.ts';
import type { Delivery } from './event-tables.ts';
import type { EventWriter } from './event-writer.ts';

export type DeliveryEnd = { readonly seq: number } & (
  | { readonly end: 'done' }
  | { readonly end: 'retry'; readonly afterMs: number; readonly error: string }
  | { readonly end: 'dead'; readonly error: string }
);

type FailedEnd = Exclude<DeliveryEnd, { readonly end: 'done' }>;

export interface SettleInput {
  readonly receiver: string;
  readonly ends: readonly DeliveryEnd[];
}

export interface PassInput {
  readonly receiver: string;
  readonly upTo: number;
}

export interface SettleOutput {
  /** Numbers of those that failed and whose row was damaged: how often they were tried is not known any more, and is counted anew. */
  readonly damaged: readonly number[];
  /** See `OwedPage`. */
  readonly horizon: number;
}

export function settle(db: EventWriter, { receiver, ends }: SettleInput, now: number): SettleOutput {
  const last = Math.max(...ends.map(({ seq }) => seq));
  const untried = passed(db, { receiver, upTo: last });
  const damaged: number[] = [];
  let done = 0;
  for (const end of ends) {
    const place = { receiver, seq: end.seq };
    const key = untried.get(end.seq);
    untried.delete(end.seq);
    if (end.end === 'done') done += key !== undefined || removeOwed(db, place) ? 1 : 0;
    else {
      const found = key === undefined ? ownRow(db, place, now) : soundRow(untriedRow(place, key, now));
      if (!found.isSound) damaged.push(end.seq);
      if (found.row !== undefined) settleFailed(db, end, { before: found.row, now });
    }
  }
  // What is not owed any more stays so.
  if (done > 0) db.addTotals(receiver, { owed: -done });
  oweUntried(db, { receiver, untried, now });
  db.moveTo(receiver, last);
  return { damaged, horizon: horizonOf(db.progressOf(receiver)) };
}

/** What is owed up to there has a row from now on, and the service may be looked ahead from there. */
export function pass(db: EventWriter, { receiver, upTo }: PassInput, now: number): void {
  oweUntried(db, { receiver, untried: passed(db, { receiver, upTo }), now });
  db.moveTo(receiver, upTo);
}

/** Keys by number, of those that have no row yet. */
function passed(db: EventWriter, { receiver, upTo }: PassInput): Map<number, string | null> {
  const { position } = db.progressOf(receiver);
  if (upTo <= position) return new Map();
  const sql =
    'SELECT seq, order_key FROM event_records WHERE seq > ? AND seq <= ? AND instr(receivers, ?) > 0';
  const rows = db.all(sql, position, upTo, namesText([receiver]));
  return new Map(rows.map(({ seq, order_key }) => [seq as number, order_key as string | null]));
}

interface Untried {
  readonly receiver: string;
  readonly untried: ReadonlyMap<number, string | null>;
  readonly now: number;
}

function oweUntried(db: EventWriter, { receiver, untried, now }: Untried): void {
  for (const [seq, key] of untried) writeDelivery(db, untriedRow({ receiver, seq }, key, now));
}

function removeOwed(db: EventWriter, { receiver, seq }: Place): boolean {
  const sql = 'DELETE FROM event_deliveries WHERE receiver = ? AND seq = ? AND is_dead = 0';
  return db.run(sql, receiver, seq) > 0;
}

function settleFailed(
  db: EventWriter,
  end: FailedEnd,
  { before, now }: { readonly before: Delivery; readonly now: number },
): void {
  const attempts = before.attempts + 1;
  const row = { ...before, attempts, error: storedText(end.error, bounds.deadEventError) };
  if (end.end === 'retry') {
    writeDelivery(db, { ...row, due: now + end.afterMs });
    return;
  }
  writeDelivery(db, { ...row, is_dead: 1 });
  db.addTotals(before.receiver, { owed: -1, dead: 1 });
}

interface Place {
  readonly receiver: string;
  readonly seq: number;
}

interface FoundRow {
  readonly row: Delivery | undefined;
  readonly isSound: boolean;
}

/** Of one that the service was past; without one nothing is owed any more. */
function ownRow(db: EventWriter, place: Place, now: number): FoundRow {
  const sql = 'SELECT * FROM event_deliveries WHERE receiver = ? AND seq = ? AND is_dead = 0';
  const found = db.get(sql, place.receiver, place.seq);
  if (found === undefined) return { row: undefined, isSound: true };
  const sound = ifSound(() => checkedDelivery(found));
  if (sound !== undefined) return soundRow(sound);
  return { row: untriedRow(place, found['order_key'] as string | null, now), isSound: false };
}

const soundRow = (row: Delivery): FoundRow => ({ row, isSound: true });

const untriedRow = (place: Place, order_key: string | null, now: number): Delivery => ({
  ...place,
  ...{ order_key, attempts: 0, due: now, is_dead: 0, error: '' },
});
