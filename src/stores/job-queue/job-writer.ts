/**
 * Writes jobs, and with them how many there are in each state: one row of counts for all changes of a transaction.
 * Notes what it does where somebody follows the queue.
 */
import type { JobEventNote } from '../../core/job-events.ts';
import type { Notes, StoreRow, StoreValue, StoreWriter } from '../sqlite/area.ts';
import { checksumOf, isSound } from '../sqlite/checksum.ts';
import { NumberingWriter } from '../sqlite/numbering-writer.ts';
import { eventType, noteOf } from './job-notes.ts';
import { columns, countsOf, jobCounts, jobs, states } from './job-table.ts';
import type { JobRow } from './job-table.ts';

/** Still the run that was begun, with no more progress told than then. */
const isBegun = `seq = ? AND state = ${String(states.running)} AND run = ? AND progress IS ?`;
const damagedReason = 'Its row in the store is damaged';

/** By what is set: as many as there are kinds of changes, each written out once. */
const updates = new Map<string, string>();

function updateOf(names: readonly string[], where: string): string {
  const kind = `${names.join()} ${where}`;
  let sql = updates.get(kind);
  if (sql === undefined) {
    const sets = names.map((name) => `${name} = ?`).join(', ');
    updates.set(kind, (sql = `UPDATE job_records SET ${sets}, checksum = ? WHERE ${where}`));
  }
  return sql;
}

interface RowUpdate {
  readonly changes: Partial<JobRow>;
  readonly where: string;
  readonly values: readonly StoreValue[];
}

export class JobWriter extends NumberingWriter {
  /** As they are written. */
  readonly #counts = new Map<string, Map<number, number>>();
  /** By queue and state: how many more, and not written yet. */
  readonly #more = new Map<string, Map<number, number>>();
  #damaged: number[] = [];
  #now = 0;
  /** Of the mutation that writes now. */
  notes: Notes | undefined;

  constructor(db: StoreWriter) {
    super(db, jobs.name);
  }

  override begin(now: number): void {
    this.#now = now;
  }

  add(row: JobRow): void {
    const values = columns.map((column) => row[column]);
    this.insert(jobs.name, [row.seq, ...values, checksumOf(jobs, row as unknown as StoreRow)]);
    this.#count(row.queue, row.state, 1);
    if (this.#isFollowed(row.queue)) this.#note(noteOf('added', row, { at: this.#now }));
  }

  update(before: JobRow, changes: Partial<JobRow>): JobRow {
    const row = { ...before, ...changes };
    this.#update(before, row, { changes, where: 'seq = ?', values: [before.seq] });
    return row;
  }

  /** Of a job as it was when its run began. False: the run has ended, or told of its progress, and nothing was changed. */
  updateBegun(before: JobRow, changes: Partial<JobRow>): boolean {
    const { seq, run, progress } = before;
    const values = [seq, run, progress];
    return this.#update(before, { ...before, ...changes }, { changes, where: isBegun, values });
  }

  /** Only what changes: SQLite writes no index that has none of it. */
  #update(before: JobRow, row: JobRow, { changes, where, values }: RowUpdate): boolean {
    const names = Object.keys(changes) as (keyof JobRow)[];
    const written: StoreValue[] = [];
    for (const name of names) written.push(row[name]);
    written.push(checksumOf(jobs, row as unknown as StoreRow), ...values);
    if (this.run(updateOf(names, where), ...written) === 0) return false;
    this.#count(row.queue, before.state, -1);
    this.#count(row.queue, row.state, 1);
    const type = this.#isFollowed(row.queue) ? eventType(before, row) : undefined;
    if (type !== undefined) this.#note(noteOf(type, row, { at: this.#now, reason: changes.reason }));
    return true;
  }

  remove(row: JobRow): void {
    this.run('DELETE FROM job_records WHERE seq = ?', row.seq);
    this.#count(row.queue, row.state, -1);
    if (this.#isFollowed(row.queue)) this.#note(noteOf('removed', row, { at: this.#now }));
  }

  /**
   * Those of one state, to go on with. One whose row is damaged would hold up all behind it: it has failed, and its checksum stays wrong, so that whoever looks at
   * it is told.
   */
  // eslint-disable-next-line max-params -- a statement and its values
  sound(queue: string, state: number, rest: string, ...values: StoreValue[]): JobRow[] {
    const which = `SELECT * FROM job_records WHERE queue = ? AND state = ${String(state)} AND ${rest}`;
    return this.all(which, queue, ...values).flatMap((row) => {
      if (isSound(jobs, row)) return [row as StoreRow & JobRow];
      const seq = Number(row['seq']);
      this.run('UPDATE job_records SET state = ?, ended = ? WHERE seq = ?', states.failed, this.#now, seq);
      this.#count(queue, state, -1);
      this.#count(queue, states.failed, 1);
      this.#damaged.push(seq);
      const failed = { queue, id: String(row['id']), attempts: Number(row['attempts']), progress: null };
      if (this.#isFollowed(queue))
        this.#note(noteOf('failed', failed, { at: this.#now, reason: damagedReason }));
      return [];
    });
  }

  /** Numbers of rows that `sound` has found since this was asked for last. */
  takeDamaged(): number[] {
    const damaged = this.#damaged;
    this.#damaged = [];
    return damaged;
  }

  /** Those of one state that a condition is met by, the oldest first. Gives how many. */
  // eslint-disable-next-line max-params -- a statement and its values
  removeSome(queue: string, state: number, rest: string, ...values: StoreValue[]): number {
    const which = `SELECT seq FROM job_records WHERE queue = ? AND state = ${String(state)} AND ${rest}`;
    const sql = `DELETE FROM job_records WHERE seq IN (${which})`;
    const removed = this.#isFollowed(queue)
      ? this.#removeTold(sql, queue, ...values)
      : this.run(sql, queue, ...values);
    this.#count(queue, state, -removed);
    return removed;
  }

  #removeTold(sql: string, queue: string, ...values: StoreValue[]): number {
    const rows = this.all(`${sql} RETURNING id, attempts`, queue, ...values);
    for (const { id, attempts } of rows) {
      const removed = { queue, id: String(id), attempts: Number(attempts), progress: null };
      this.#note(noteOf('removed', removed, { at: this.#now }));
    }
    return rows.length;
  }

  /** With what was changed so far. */
  countOf(queue: string, ...states: readonly number[]): number {
    const counts = this.#countsOf(queue);
    const more = this.#more.get(queue);
    return states.reduce((sum, state) => sum + (counts.get(state) ?? 0) + (more?.get(state) ?? 0), 0);
  }

  override finish(): void {
    for (const [queue, states] of this.#more) {
      const counts = this.#countsOf(queue);
      for (const [state, more] of states) {
        if (more === 0) continue;
        const row = { queue, state, count: (counts.get(state) ?? 0) + more };
        this.run(
          'INSERT OR REPLACE INTO job_counts VALUES (?, ?, ?, ?)',
          queue,
          state,
          row.count,
          checksumOf(jobCounts, row),
        );
        counts.set(state, row.count);
      }
    }
    this.#more.clear();
  }

  #countsOf(queue: string): Map<number, number> {
    let counts = this.#counts.get(queue);
    if (counts === undefined) this.#counts.set(queue, (counts = countsOf(this, queue)));
    return counts;
  }

  #isFollowed(queue: string): boolean {
    return this.notes?.wants(queue) === true;
  }

  #note(note: JobEventNote): void {
    this.notes?.note(note);
  }

  #count(queue: string, state: number, more: number): void {
    let states = this.#more.get(queue);
    if (states === undefined) this.#more.set(queue, (states = new Map<number, number>()));
    states.set(state, (states.get(state) ?? 0) + more);
  }
}

/** A mutation that writes jobs: see `Area.writer`. */
export const ofJobs =
  <Input, Output>(change: (db: JobWriter, input: Input, now: number) => Output) =>
  // eslint-disable-next-line max-params -- as `Mutation`
  (db: StoreWriter, input: Input, now: number, notes?: Notes): Output => {
    if (!(db instanceof JobWriter)) throw new TypeError('Jobs are written by their own writer');
    db.notes = notes;
    return change(db, input, now);
  };
