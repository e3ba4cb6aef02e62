/** Writes events and to whom they are owed, and with them how far each service is: one row for each for all changes of a transaction. */
import type { StoreReader, StoreRow, StoreWriter } from '../sqlite/area.ts';
import { checkedRow, checksumOf } from '../sqlite/checksum.ts';
import { NumberingWriter } from '../sqlite/numbering-writer.ts';
import { events, receivers } from './event-tables.ts';

/** How far a service is. */
export interface Progress {
  readonly owed: number;
  readonly dead: number;
  /** Of what is for it, all up to this number was handled, or has a row in `event_deliveries`; nothing behind it was handled. */
  readonly position: number;
}

/** Undefined: nothing was ever kept for it. @throws {TuttiError} `STORE_CORRUPT` */
export function findProgress(db: StoreReader, receiver: string): Progress | undefined {
  const row = db.get('SELECT * FROM event_receivers WHERE receiver = ?', receiver);
  return row && (checkedRow(receivers, row) as StoreRow & Progress);
}

export class EventWriter extends NumberingWriter {
  /** By receiver, with what was changed so far. */
  readonly #progress = new Map<string, Progress>();
  readonly #changed = new Set<string>();

  constructor(db: StoreWriter) {
    super(db, events.name);
  }

  /** One that is new has got all that there is: it was for others. */
  progressOf(receiver: string): Progress {
    let progress = this.#progress.get(receiver);
    if (progress === undefined) {
      progress = findProgress(this, receiver) ?? { owed: 0, dead: 0, position: this.lastSeq };
      this.#progress.set(receiver, progress);
    }
    return progress;
  }

  addTotals(receiver: string, { owed, dead = 0 }: { readonly owed: number; readonly dead?: number }): void {
    const { position, ...before } = this.progressOf(receiver);
    this.#set(receiver, { owed: before.owed + owed, dead: before.dead + dead, position });
  }

  /** Only forward, and not past what was kept. */
  moveTo(receiver: string, upTo: number): void {
    const before = this.progressOf(receiver);
    const position = Math.min(upTo, this.lastSeq);
    if (position > before.position) this.#set(receiver, { ...before, position });
  }

  #set(receiver: string, progress: Progress): void {
    this.#progress.set(receiver, progress);
    this.#changed.add(receiver);
  }

  override begin(): void {
    // It knows no time.
  }

  override finish(): void {
    for (const receiver of this.#changed) {
      const { owed, dead, position } = this.progressOf(receiver);
      const sum = checksumOf(receivers, { receiver, owed, dead, position });
      this.run(
        'INSERT OR REPLACE INTO event_receivers (receiver, owed, dead, position, checksum) VALUES (?, ?, ?, ?, ?)',
        ...[receiver, owed, dead, position, sum],
      );
    }
    this.#changed.clear();
  }
}

/** A mutation that writes events: see `Area.writer`. */
export const ofEvents =
  <Input, Output>(change: (db: EventWriter, input: Input, now: number) => Output) =>
  (db: StoreWriter, input: Input, now: number): Output => {
    if (db instanceof EventWriter) return change(db, input, now);
    throw new TypeError('Events are written by their own writer');
  };
