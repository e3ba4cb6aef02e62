/**
 * How deliveries ended, as many as ended at once. The service is then past the last of them: what is before that one and was not handled gets a row of its own, and
 * whatever was handled leaves none.
 */
import { bounds } from '../../core/bounds.ts';
import { ifSound } from '../sqlite/checksum.ts';
import { storedText } from '../sqlite/stored-text.ts';
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

/** Numbers of those that failed and whose row was damaged: how often they were tried is not known any more, and is counted anew. */
export interface SettleOutput {
  readonly damaged: readonly number[];
}

export function settle(db: EventWriter, { receiver, ends }: SettleInput, now: number): SettleOutput {
  const last = Math.max(...ends.map(({ seq }) => seq));
  const untried = new Map(passed(db, { receiver, upTo: last }, now).map((one) => [one.seq, one]));
  const damaged: number[] = [];
  for (const end of ends) {
    const fresh = untried.get(end.seq);
    untried.delete(end.seq);
    const place = { receiver, seq: end.seq };
    if (end.end === 'done') settleDone(db, place, fresh);
    else {
      const { row, isSound } = fresh === undefined ? ownRow(db, place, now) : { row: fresh, isSound: true };
      if (!isSound) damaged.push(end.seq);
      if (row !== undefined) settleFailed(db, end, { before: row, now });
    }
  }
  for (const one of untried.values()) writeDelivery(db, one);
  db.moveTo(receiver, last);
  return { damaged };
}

/** What is owed up to there has a row from now on, and the service may be looked ahead from there. */
export function pass(db: EventWriter, input: PassInput, now: number): void {
  for (const one of passed(db, input, now)) writeDelivery(db, one);
  db.moveTo(input.receiver, input.upTo);
}

/** Those of it that have no row yet. */
function passed(db: EventWriter, { receiver, upTo }: PassInput, now: number): Delivery[] {
  const { position } = db.progressOf(receiver);
  if (upTo <= position) return [];
  const sql =
    'SELECT seq, order_key FROM event_records WHERE seq > ? AND seq <= ? AND instr(receivers, ?) > 0';
  const rows = db.all(sql, position, upTo, namesText([receiver])) as unknown as Pick<
    Delivery,
    'seq' | 'order_key'
  >[];
  return rows.map(({ seq, order_key }) => untriedRow({ receiver, seq }, order_key, now));
}

/** What is not owed any more stays so. */
function settleDone(db: EventWriter, { receiver, seq }: Place, fresh: Delivery | undefined): void {
  const sql = 'DELETE FROM event_deliveries WHERE receiver = ? AND seq = ? AND is_dead = 0';
  if (fresh !== undefined || db.run(sql, receiver, seq) > 0) db.addTotals(receiver, { owed: -1 });
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

/** Of one that the service was past; without one nothing is owed any more. */
function ownRow(
  db: EventWriter,
  place: Place,
  now: number,
): { readonly row: Delivery | undefined; readonly isSound: boolean } {
  const sql = 'SELECT * FROM event_deliveries WHERE receiver = ? AND seq = ? AND is_dead = 0';
  const found = db.get(sql, place.receiver, place.seq);
  if (found === undefined) return { row: undefined, isSound: true };
  const sound = ifSound(() => checkedDelivery(found));
  const row = sound ?? untriedRow(place, found['order_key'] as string | null, now);
  return { row, isSound: sound !== undefined };
}

const untriedRow = (place: Place, order_key: string | null, now: number): Delivery => ({
  ...place,
  ...{ order_key, attempts: 0, due: now, is_dead: 0, error: '' },
});
