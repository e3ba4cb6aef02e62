/**
 * Schedules: each has the time of its next tick in its row, and a change that adds the job of a tick writes the next time too. So there is one job for each tick,
 * whoever asks and whoever dies. Which ticks are due: `core/schedule.ts`; when there is one: `schedule-rhythm.ts`; who looks: the owner of the store.
 */
import { bounds } from '../../core/bounds.ts';
import { isTuttiError, TuttiError } from '../../core/errors.ts';
import { dueTicks, repairedTick } from '../../core/schedule.ts';
import type { MissedPolicy, OverlapPolicy, Rhythm, TickAnswer } from '../../core/schedule.ts';
import { defaultPriority } from '../../core/waiting-line.ts';
import type { CheckedTable, StoreReader, StoreRow, StoreValue, StoreWriter } from '../sqlite/area.ts';
import { checkedRow, checksumOf, ifSound } from '../sqlite/checksum.ts';
import { addOne, openJobs } from './job-adding.ts';
import type { JobWriter } from './job-writer.ts';
import { firstTick, rhythmOf } from './schedule-rhythm.ts';
import type { RhythmSpec } from './schedule-rhythm.ts';

interface NamedSchedule {
  readonly queue: string;
  readonly name: string;
}

/** What somebody wants. */
export interface ScheduleInput extends NamedSchedule, RhythmSpec {
  readonly missed: MissedPolicy;
  readonly overlap: OverlapPolicy;
  /** JSON: input and context of each job. */
  readonly body: string;
}

export interface ScheduleRow extends ScheduleInput {
  /** Null: it ticks no more, and an error has been logged that says why. */
  readonly next_at: number | null;
  /** The last tick that became a job. */
  readonly last_at: number | null;
}

/** Of one that did not go as it should, for the log. */
export interface ScheduleTrouble extends NamedSchedule {
  readonly reason: string;
}

export interface TickOutput {
  /** They have new jobs. */
  readonly queues: readonly string[];
  /** Of all schedules; in the past when there is more to do at once. */
  readonly nextAt: number | null;
  readonly troubles: readonly ScheduleTrouble[];
}

export interface RepairOutput {
  readonly repaired: number;
  /** Where the next page begins; null: it was the last. */
  readonly after: NamedSchedule | null;
  readonly troubles: readonly ScheduleTrouble[];
}

const wanted = ['cron', 'every_ms', 'time_zone', 'missed', 'overlap', 'body'] as const;

export const jobSchedules: CheckedTable = {
  name: 'job_schedules',
  key: ['queue', 'name'],
  content: [...wanted, 'next_at', 'last_at'],
};

export const scheduleTables = `
  CREATE TABLE job_schedules (
    queue TEXT NOT NULL,
    name TEXT NOT NULL,
    cron TEXT,
    every_ms INTEGER,
    time_zone TEXT,
    missed TEXT NOT NULL,
    overlap TEXT NOT NULL,
    body TEXT NOT NULL,
    next_at INTEGER,
    last_at INTEGER,
    checksum INTEGER NOT NULL,
    PRIMARY KEY (queue, name)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX job_schedules_next ON job_schedules (next_at) WHERE next_at IS NOT NULL;`;

const asSchedule = (row: StoreRow): ScheduleRow => checkedRow(jobSchedules, row) as StoreRow & ScheduleRow;

function findSchedule(db: StoreReader, { queue, name }: NamedSchedule): ScheduleRow | undefined {
  const row = db.get('SELECT * FROM job_schedules WHERE queue = ? AND name = ?', queue, name);
  return row && asSchedule(row);
}

/** One whose row is damaged is made anew by who asks for it: it must keep nobody from starting. */
const soundSchedule = (db: StoreReader, named: NamedSchedule): ScheduleRow | undefined =>
  ifSound(() => findSchedule(db, named));

function writeSchedule(db: StoreWriter, row: ScheduleRow): void {
  const values: StoreValue[] = [row.queue, row.name, ...wanted.map((column) => row[column])];
  db.run(
    'INSERT OR REPLACE INTO job_schedules VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
    ...[...values, row.next_at, row.last_at, checksumOf(jobSchedules, row as unknown as StoreRow)],
  );
}

const hasSame = (
  one: ScheduleInput,
  other: ScheduleInput,
  columns: readonly (typeof wanted)[number][],
): boolean => columns.every((column) => one[column] === other[column]);

/**
 * Makes it, or makes of the one that is there what is asked for. One with another rhythm begins anew; otherwise its next tick stays, so that it may be asked for at
 * every start of everybody. @throws {TuttiError} `INVALID_INPUT`.
 */
export function schedule(db: StoreWriter, input: ScheduleInput, now: number): ScheduleRow {
  const there = soundSchedule(db, input);
  if (there === undefined) refuseFull(db, input.queue);
  const goesOn = there !== undefined && hasSame(there, input, ['cron', 'every_ms', 'time_zone']);
  if (goesOn && there.next_at !== null && hasSame(there, input, wanted)) return there;
  const next_at = (goesOn ? there.next_at : null) ?? firstTick(input, now);
  const row: ScheduleRow = { ...input, next_at, last_at: there?.last_at ?? null };
  writeSchedule(db, row);
  return row;
}

function refuseFull(db: StoreReader, queue: string): void {
  const count = Number(
    db.get('SELECT count(*) AS count FROM job_schedules WHERE queue = ?', queue)?.['count'],
  );
  if (count < bounds.schedules) return;
  const message = `The queue ${queue} has ${String(count)} schedules, and no room for more: unschedule some`;
  throw new TuttiError('INVALID_INPUT', { message });
}

/** What it has added already stays. False: there was none. */
export const unschedule = (db: StoreWriter, { queue, name }: NamedSchedule): boolean =>
  db.run('DELETE FROM job_schedules WHERE queue = ? AND name = ?', queue, name) > 0;

export const schedules = (db: StoreReader, { queue }: { readonly queue: string }): ScheduleRow[] =>
  db.all('SELECT * FROM job_schedules WHERE queue = ? ORDER BY name', queue).map(asSchedule);

const named = ({ queue, name }: StoreRow): NamedSchedule => ({ queue: String(queue), name: String(name) });

/** `min()` would not find the index, which has none that tick no more. */
function earliest(db: StoreReader): number | null {
  const sql = 'SELECT next_at FROM job_schedules WHERE next_at IS NOT NULL ORDER BY next_at LIMIT 1';
  const row = db.get(sql);
  return row === undefined ? null : Number(row['next_at']);
}

/** The jobs of the ticks whose time has come, as many as one change may touch. */
export function tick(db: JobWriter, _input: unknown, now: number): TickOutput {
  const due = db.all(
    'SELECT queue, name FROM job_schedules WHERE next_at <= ? ORDER BY next_at, queue, name LIMIT ?',
    now,
    bounds.jobPage,
  );
  const queues = new Set<string>();
  const troubles: ScheduleTrouble[] = [];
  let room: number = bounds.jobPage;
  for (const one of due.map(named)) {
    if (room <= 0) break;
    const added = orPark(db, one, troubles, (row) => {
      const { ticks, nextAt } = ticksOf(db, row, now, room);
      return () => addTicks(db, row, { ticks, nextAt }, { now, troubles });
    });
    if (added > 0) queues.add(one.queue);
    // Also who adds nothing costs something.
    room -= Math.max(1, added);
  }
  return { queues: [...queues], nextAt: earliest(db), troubles };
}

/** Times that were noted under another clock or other rules of a time zone are put right, a page at a time. */
export function repair(
  db: StoreWriter,
  { after }: { readonly after: NamedSchedule | null },
  now: number,
): RepairOutput {
  const page = db.all(
    'SELECT queue, name FROM job_schedules WHERE (queue, name) > (?, ?) ORDER BY queue, name LIMIT ?',
    after?.queue ?? '',
    after?.name ?? '',
    bounds.jobPage,
  );
  const troubles: ScheduleTrouble[] = [];
  let repaired = 0;
  for (const one of page.map(named))
    repaired += orPark(db, one, troubles, (row) => {
      const next_at = repairedTick(row.next_at ?? undefined, now, rhythmFrom(row, now)) ?? null;
      return () => {
        if (next_at === row.next_at) return 0;
        writeSchedule(db, { ...row, next_at });
        return 1;
      };
    });
  const last = page.at(-1);
  return {
    repaired,
    after: last !== undefined && page.length === bounds.jobPage ? named(last) : null,
    troubles,
  };
}

/**
 * One that cannot be read, or whose time zone is not known any more, ticks no more until it is unscheduled and made anew, or the store is opened anew; the others go on.
 * @param decide only reads and computes; what it gives writes, and how much.
 */
// eslint-disable-next-line max-params -- where, which, what
function orPark(
  db: StoreWriter,
  one: NamedSchedule,
  troubles: ScheduleTrouble[],
  decide: (row: ScheduleRow) => () => number,
): number {
  let row: ScheduleRow | undefined;
  let write: () => number;
  try {
    row = findSchedule(db, one);
    if (row === undefined) return 0;
    write = decide(row);
  } catch (error) {
    // What the disk says is no fault of the schedule.
    if (!isTuttiError(error, 'STORE_CORRUPT') && !isTuttiError(error, 'INVALID_INPUT')) throw error;
    troubles.push({ ...one, reason: `It ticks no more: ${error.message}` });
    if (row !== undefined) writeSchedule(db, { ...row, next_at: null });
    // Its checksum stays wrong: it is not as it was written.
    else db.run('UPDATE job_schedules SET next_at = NULL WHERE queue = ? AND name = ?', one.queue, one.name);
    return 0;
  }
  return write();
}

const rhythmFrom = (row: ScheduleRow, now: number): Rhythm => rhythmOf(row, row.next_at ?? now);

// eslint-disable-next-line max-params -- which, when, how many
function ticksOf(db: StoreReader, row: ScheduleRow, now: number, most: number): TickAnswer {
  const { queue, name, missed, overlap } = row;
  const isOpen =
    overlap === 'skip' &&
    db.get(
      'SELECT 1 FROM job_records WHERE queue = ? AND schedule = ? AND state < 3 LIMIT 1',
      queue,
      name,
    ) !== undefined;
  const lateMs = bounds.scheduleLateMs;
  const next = rhythmFrom(row, now);
  return dueTicks({ nextAt: row.next_at ?? Infinity, now, missed, overlap, isOpen, next, lateMs, most });
}

/** A name of its own for the job of each tick: none is ever added twice. */
const jobIdOf = (name: string, at: number): string => `${name}:${new Date(at).toISOString()}`;

// eslint-disable-next-line max-params -- where, which, what
function addTicks(
  db: JobWriter,
  row: ScheduleRow,
  { ticks, nextAt }: TickAnswer,
  { now, troubles }: { readonly now: number; readonly troubles: ScheduleTrouble[] },
): number {
  const { queue, name, body } = row;
  const isFull = openJobs(db, queue) + ticks.length > bounds.openJobs;
  if (isFull) troubles.push({ queue, name, reason: 'The queue is full, and the job of a tick was left out' });
  const added = isFull ? [] : ticks;
  for (const at of added)
    addOne(db, queue, { id: jobIdOf(name, at), priority: defaultPriority, body }, now, name);
  writeSchedule(db, { ...row, next_at: nextAt ?? null, last_at: added.at(-1) ?? row.last_at });
  return added.length;
}
