/** The change that owes a service once more what was kept, as much of it as one change may have. Asked for again it changes nothing: what is owed is owed once. */
import { bounds } from '../../core/bounds.ts';
import type { StoreWriter } from '../sqlite/area.ts';
import type { TimeSpan } from './event-pages.ts';
import { marksAfter } from './event-pages.ts';
import { findDelivery, findEvent, namesText, writeDelivery } from './event-tables.ts';
import type { EventWriter } from './event-writer.ts';

export interface ReplayInput extends TimeSpan {
  readonly receiver: string;
  readonly events: readonly string[];
  /** Numbers: behind the one, up to the other. */
  readonly after: number;
  readonly upTo: number;
}

export interface ReplayPage {
  /** So many are owed that were not. */
  readonly replayed: number;
  /** So many were owed anyway. */
  readonly owed: number;
  /** All up to this number were looked at, unless it is full. */
  readonly through: number;
  /** When the last one was kept of those that are owed now; null: there is none on this page. */
  readonly throughAt: number | null;
  /** It has as much to come as a service may have. */
  readonly isFull: boolean;
}

/** One that was given up has all its attempts again. The order is that of the numbers, as ever. */
export function replay(db: EventWriter, input: ReplayInput, now: number): ReplayPage {
  const { receiver, events, since, until, after, upTo } = input;
  const found = marksAfter(db, { after, upTo, limit: bounds.eventPage });
  const wanted = found.filter(({ event, at }) => events.includes(event) && at >= since && at <= until);
  const { owed: owedNow, position } = db.progressOf(receiver);
  const room = bounds.owedEvents - owedNow;
  const last = found.length < bounds.eventPage ? undefined : found.at(-1);
  const page = { replayed: 0, owed: 0, through: last?.seq ?? upTo, throughAt: null as number | null };
  let revived = 0;
  let isFull = false;
  for (const { seq, at, receivers } of wanted) {
    const before = findDelivery(db, receiver, seq);
    const isOwed = before?.is_dead === 0 || (seq > position && receivers.includes(namesText([receiver])));
    isFull = !isOwed && page.replayed === room;
    if (isFull) break;
    page.throughAt = at;
    if (isOwed) page.owed += 1;
    else {
      oweAgain(db, { receiver, seq, now });
      page.replayed += 1;
      revived += before === undefined ? 0 : 1;
    }
  }
  if (page.replayed > 0) db.addTotals(receiver, { owed: page.replayed, dead: -revived });
  return { ...page, isFull };
}

function oweAgain(
  db: StoreWriter,
  { receiver, seq, now }: { receiver: string; seq: number; now: number },
): void {
  const key = findEvent(db, seq)?.key ?? null;
  writeDelivery(db, { receiver, seq, order_key: key, attempts: 0, due: now, is_dead: 0, error: '' });
}
