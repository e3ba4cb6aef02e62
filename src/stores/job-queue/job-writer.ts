/** Writes jobs, and with them how many there are in each state: one row of counts for a change of many. Notes what it does where somebody follows the queue. */
import type { JobEventNote } from '../../core/job-events.ts';
import type { Notes, StoreRow, StoreValue, StoreWriter } from '../sqlite/area.ts';
import { checksumOf } from '../sqlite/checksum.ts';
import { eventType, noteOf } from './job-notes.ts';
import { columns, countsOf, jobCounts, jobs, states } from './job-table.ts';
import type { JobRow } from './job-table.ts';

const damagedReason = 'Its row in the store is damaged';

export class JobWriter implements StoreWriter {
  readonly #db: StoreWriter;
  /** As they were before this change. */
  readonly #counts = new Map<string, ReadonlyMap<number, number>>();
  /** By queue and state: how many more. */
  readonly #more = new Map<string, Map<number, number>>();

  /** Numbers of rows that `sound` has found. */
  readonly damaged: number[] = [];
  readonly #now: number;
  readonly #notes: Notes | undefined;

  constructor(db: StoreWriter, now: number, notes?: Notes) {
    this.#db = db;
    this.#now = now;
    this.#notes = notes;
  }

  get(sql: string, ...values: StoreValue[]): StoreRow | undefined {
    return this.#db.get(sql, ...values);
  }

  all(sql: string, ...values: StoreValue[]): StoreRow[] {
    return this.#db.all(sql, ...values);
  }

  run(sql: string, ...values: StoreValue[]): number {
    return this.#db.run(sql, ...values);
  }

  insert(row: JobRow): void {
    const values = columns.map((column) => row[column]);
    this.run(
      'INSERT INTO job_records VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
      ...[row.seq, ...values, checksumOf(jobs, row as unknown as StoreRow)],
    );
    this.#count(row.queue, row.state, 1);
    if (this.#isFollowed(row.queue)) this.#note(noteOf('added', row, { at: this.#now }));
  }

  /** Of what changes in the life of a job. */
  update(before: JobRow, changes: Partial<JobRow>): JobRow {
    const row = { ...before, ...changes };
    this.run(
      'UPDATE job_records SET state = ?, place = ?, due = ?, attempts = ?, run = ?, started = ?, ended = ?, result = ?, reason = ?, progress = ?, checksum = ? WHERE seq = ?',
      row.state,
      row.place,
      row.due,
      row.attempts,
      row.run,
      row.started,
      row.ended,
      row.result,
      row.reason,
      row.progress,
      checksumOf(jobs, row),
      row.seq,
    );
    this.#count(row.queue, before.state, -1);
    this.#count(row.queue, row.state, 1);
    const type = this.#isFollowed(row.queue) ? eventType(before, row) : undefined;
    if (type !== undefined) this.#note(noteOf(type, row, { at: this.#now, reason: changes.reason }));
    return row;
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
      if (checksumOf(jobs, row) === row['checksum']) return [row as StoreRow & JobRow];
      const seq = Number(row['seq']);
      this.run('UPDATE job_records SET state = ?, ended = ? WHERE seq = ?', states.failed, this.#now, seq);
      this.#count(queue, state, -1);
      this.#count(queue, states.failed, 1);
      this.damaged.push(seq);
      const failed = { queue, id: String(row['id']), attempts: Number(row['attempts']), progress: null };
      if (this.#isFollowed(queue))
        this.#note(noteOf('failed', failed, { at: this.#now, reason: damagedReason }));
      return [];
    });
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

  /** With what this change has brought so far. */
  countOf(queue: string, ...states: readonly number[]): number {
    const counts = this.#countsOf(queue);
    const more = this.#more.get(queue);
    return states.reduce((sum, state) => sum + (counts.get(state) ?? 0) + (more?.get(state) ?? 0), 0);
  }

  /** Once, when all is written. */
  finish(): void {
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
      }
    }
  }

  #countsOf(queue: string): ReadonlyMap<number, number> {
    let counts = this.#counts.get(queue);
    if (counts === undefined) this.#counts.set(queue, (counts = countsOf(this.#db, queue)));
    return counts;
  }

  #isFollowed(queue: string): boolean {
    return this.#notes?.wants(queue) === true;
  }

  #note(note: JobEventNote): void {
    this.#notes?.note(note);
  }

  #count(queue: string, state: number, more: number): void {
    let states = this.#more.get(queue);
    if (states === undefined) this.#more.set(queue, (states = new Map<number, number>()));
    states.set(state, (states.get(state) ?? 0) + more);
  }
}

/** A mutation of jobs, with its counts. */
export const counted =
  <Input, Output>(change: (db: JobWriter, input: Input, now: number) => Output) =>
  // eslint-disable-next-line max-params -- as `Mutation`
  (db: StoreWriter, input: Input, now: number, notes?: Notes): Output => {
    const writer = new JobWriter(db, now, notes);
    const output = change(writer, input, now);
    writer.finish();
    return output;
  };
