/**
 * How many jobs are done, for peers that keep theirs in PostgreSQL: all that were added but those still open. To count the done ones would be a walk through all
 * of them, and some keep none.
 */
import type { Pool } from 'pg';
import type { AddingRole } from './job-role.ts';

interface OpenJobs {
  readonly pool: Pool;
  /** Gives one row with one number. */
  readonly countOpen: string;
  readonly table: string;
}

export function countingDone(
  adder: Omit<AddingRole, 'done'>,
  { pool, countOpen, table }: OpenJobs,
): AddingRole {
  let added = 0;
  return {
    ...adder,
    add: async (batch) => {
      await adder.add(batch);
      added += batch.length;
    },
    done: async () => {
      const { rows } = await pool.query<number[]>({ text: countOpen, rowMode: 'array' });
      return added - Number(rows[0]?.[0]);
    },
    // The server's own cleaner may be behind with what thousands of jobs have left.
    tidy: () => pool.query(`VACUUM ANALYZE ${table}`),
  };
}
