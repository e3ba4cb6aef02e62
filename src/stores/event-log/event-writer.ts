/** Writes events and to whom they are owed, and with them how many that are: one row for each receiver for all changes of a transaction. */
import type { StoreRow, StoreWriter } from '../sqlite/area.ts';
import { checkedRow, checksumOf } from '../sqlite/checksum.ts';
import { NumberingWriter } from '../sqlite/numbering-writer.ts';
import { events, receivers } from './event-tables.ts';

export interface Totals {
  readonly owed: number;
  readonly dead: number;
}

export class EventWriter extends NumberingWriter {
  /** By receiver, with what was changed so far. */
  readonly #totals = new Map<string, Totals>();
  readonly #changed = new Set<string>();

  constructor(db: StoreWriter) {
    super(db, events.name);
  }

  totalsOf(receiver: string): Totals {
    let totals = this.#totals.get(receiver);
    if (totals === undefined) {
      const row = this.get('SELECT * FROM event_receivers WHERE receiver = ?', receiver);
      totals = row === undefined ? { owed: 0, dead: 0 } : (checkedRow(receivers, row) as StoreRow & Totals);
      this.#totals.set(receiver, totals);
    }
    return totals;
  }

  addTotals(receiver: string, { owed, dead = 0 }: { readonly owed: number; readonly dead?: number }): void {
    const before = this.totalsOf(receiver);
    this.#totals.set(receiver, { owed: before.owed + owed, dead: before.dead + dead });
    this.#changed.add(receiver);
  }

  override finish(): void {
    for (const receiver of this.#changed) {
      const { owed, dead } = this.totalsOf(receiver);
      const sum = checksumOf(receivers, { receiver, owed, dead });
      this.run('INSERT OR REPLACE INTO event_receivers VALUES (?, ?, ?, ?)', receiver, owed, dead, sum);
    }
  }
}

/** A mutation that writes events: see `Area.writer`. */
export const ofEvents =
  <Input, Output>(change: (db: EventWriter, input: Input, now: number) => Output) =>
  (db: StoreWriter, input: Input, now: number): Output => {
    if (db instanceof EventWriter) return change(db, input, now);
    throw new TypeError('Events are written by their own writer');
  };
