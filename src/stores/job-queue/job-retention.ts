/** Removes what has ended and is not to be kept any longer, by age and by number, as each queue says. */
import type { QueueManifest } from '../../define/queue.ts';
import type { StoreReader, StoreWriter } from '../sqlite/area.ts';
import { queueRow, states } from './job-table.ts';
import { JobWriter } from './job-writer.ts';

type Keep = QueueManifest['keep'];

/** What keeps another from being added stays as long as it does that. */
const isFree = '(dedup_until IS NULL OR dedup_until <= ?)';

export function removeOld(store: StoreWriter, now: number, mostRows: number): number {
  const db = new JobWriter(store);
  db.begin(now);
  let removed = 0;
  for (const queue of queuesOf(db)) {
    const { keep } = queueRow(db, queue);
    // No worker for it was ever there: nobody has said what is to go.
    if (keep === '') continue;
    const { done, failed } = JSON.parse(keep) as Keep;
    for (const [state, { ageMs, count }] of [
      [states.done, done],
      [states.failed, failed],
      [states.cancelled, done],
    ] as const) {
      const excess = Math.max(0, db.countOf(queue, state) - count);
      const room = mostRows - removed;
      removed += removeOldest(db, { queue, state, now, before: now, limit: Math.min(room, excess) });
      removed += removeOldest(db, { queue, state, now, before: now - ageMs, limit: mostRows - removed });
    }
  }
  db.finish();
  return removed;
}

interface Oldest {
  readonly queue: string;
  readonly state: number;
  readonly now: number;
  readonly before: number;
  readonly limit: number;
}

function removeOldest(db: JobWriter, { queue, state, now, before, limit }: Oldest): number {
  if (limit <= 0) return 0;
  return db.removeSome(
    queue,
    state,
    `ended <= ? AND ${isFree} ORDER BY ended, seq LIMIT ?`,
    before,
    now,
    limit,
  );
}

const queuesOf = (db: StoreReader): string[] =>
  db.all('SELECT DISTINCT queue FROM job_counts').map(({ queue }) => String(queue));
