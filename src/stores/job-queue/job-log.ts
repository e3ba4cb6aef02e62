/** The lines that a job says of itself: bounded, in their order. */
import { bounds } from '../../core/bounds.ts';
import type { StoreReader, StoreRow, StoreWriter } from '../sqlite/area.ts';
import { checkedRow, checksumOf } from '../sqlite/checksum.ts';
import { jobLogs } from './job-table.ts';
import { storedText } from '../sqlite/stored-text.ts';

export interface LogRow {
  readonly seq: number;
  /** From 1; a gap at the beginning: the oldest were dropped. */
  readonly number: number;
  readonly at: number;
  readonly text: string;
}

// eslint-disable-next-line max-params -- a row, and when it is written
export function addLog(db: StoreWriter, seq: number, text: string, now: number): void {
  const last = db.get('SELECT max(number) AS number FROM job_logs WHERE seq = ?', seq)?.['number'];
  const row = { seq, number: Number(last ?? 0) + 1, at: now, text: storedText(text, bounds.jobLogChars) };
  db.run(
    'INSERT INTO job_logs VALUES (?, ?, ?, ?, ?)',
    seq,
    row.number,
    now,
    row.text,
    checksumOf(jobLogs, row),
  );
  db.run('DELETE FROM job_logs WHERE seq = ? AND number <= ?', seq, row.number - bounds.jobLogLines);
}

export const logOf = (db: StoreReader, seq: number): LogRow[] =>
  db
    .all('SELECT * FROM job_logs WHERE seq = ? ORDER BY number', seq)
    .map((row) => checkedRow(jobLogs, row) as StoreRow & LogRow);
