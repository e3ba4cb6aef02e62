/**
 * How deliveries ended, as many as ended at once. The service is then past the last of them: what is before that one and was not handled gets a row of its own, and
 * whatever was handled leaves none.
 */
import { bounds } from '../../core/bounds.ts';
import { isTuttiError } from '../../core/errors.ts';
import { storedText } from '../sqlite/stored-text.ts';
import { findDelivery, namesText, writeDelivery } from './event-tables.ts';
import type { Delivery } from './event-tables.ts';
import type { EventWriter } from './event-writer.ts';

export type DeliveryEnd = { readonly seq: number } & (
  | { readonly end: 'done' }
  | { readonly end: 'retry'; readonly afterMs: number; readonly error: string }
  | { readonly end: 'dead'; readonly error: string }
);

export interface SettleInput {
  readonly receiver: string;
  readonly ends: readonly DeliveryEnd[];
}

export interface PassInput {
  readonly receiver: string;
  readonly upTo: number;
}

/** Numbers of those whose row is damaged: it stays as it is. */
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
    try {
      settleOne(db, end, { receiver, fresh, now });
    } catch (error) {
      // It holds up no other.
      if (!isTuttiError(error, 'STORE_CORRUPT')) throw error;
      damaged.push(end.seq);
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
  return rows.map(({ seq, order_key }) => ({
    ...{ receiver, seq, order_key },
    ...{ attempts: 0, due: now, is_dead: 0, error: '' },
  }));
}

interface Settling {
  readonly receiver: string;
  /** Undefined: the service was past it, and it has a row unless nothing is owed any more. */
  readonly fresh: Delivery | undefined;
  readonly now: number;
}

/** What is not owed any more stays so. */
function settleOne(db: EventWriter, end: DeliveryEnd, { receiver, fresh, now }: Settling): void {
  const { seq } = end;
  if (end.end === 'done') {
    const sql = 'DELETE FROM event_deliveries WHERE receiver = ? AND seq = ? AND is_dead = 0';
    if (fresh !== undefined || db.run(sql, receiver, seq) > 0) db.addTotals(receiver, { owed: -1 });
    return;
  }
  const row = fresh ?? findDelivery(db, receiver, seq);
  if (row === undefined || row.is_dead === 1) return;
  const attempts = row.attempts + 1;
  const error = storedText(end.error, bounds.deadEventError);
  if (end.end === 'retry') {
    writeDelivery(db, { ...row, attempts, error, due: now + end.afterMs });
    return;
  }
  writeDelivery(db, { ...row, attempts, error, is_dead: 1 });
  db.addTotals(receiver, { owed: -1, dead: 1 });
}
