/**
 * One process of BullMQ in bench/jobs.ts, on PostgreSQL: see `lib/job-processes.ts`. Ten connections a process, as its guide shows and pg's
 * own default: with 50 for a concurrency of 100 it was a third slower on two processors. The schema is laid out before anybody connects. A module of ESM has to bring the pool.
 */
import { createPostgresBackend, DEFAULT_SCHEMA, Queue, runMigrations, Worker } from 'bullmq';
import type { PgPool } from 'bullmq';
import pg from 'pg';
import { bullmqAdder, bullmqHandler } from '../lib/bullmq-roles.ts';
import { answerAsAdder, answerAsWorker } from '../lib/job-role.ts';
import { countingDone } from '../lib/open-jobs.ts';

const [role, connectionString, concurrency] = process.argv.slice(2);
const pool = new pg.Pool({ connectionString, max: 10, options: `-c search_path=${DEFAULT_SCHEMA}` });

/** It is what BullMQ asks for; the two describe `on` in different types. */
const connection = pool as unknown as PgPool;

async function layOut(): Promise<void> {
  const client = await pool.connect();
  try {
    await runMigrations(client);
  } finally {
    client.release();
  }
}

if (role === 'work') {
  const { latencies, handle } = bullmqHandler();
  const settings = { connection, concurrency: Number(concurrency) };
  await new Worker('work', handle, settings, createPostgresBackend).waitUntilReady();
  answerAsWorker({ latencies });
} else {
  await layOut();
  const queue = new Queue('work', { connection }, createPostgresBackend);
  await queue.waitUntilReady();
  answerAsAdder(
    countingDone(bullmqAdder(queue), {
      pool,
      countOpen: "SELECT count(*) FROM job WHERE queue = 'work' AND state IN ('waiting', 'active')",
      table: 'job',
    }),
  );
}
