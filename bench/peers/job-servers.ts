/** The peers of bench/jobs.ts that are a library and a server. */
import { startJobProcesses } from '../lib/job-processes.ts';
import type { RunningServer } from '../lib/job-processes.ts';
import type { StartJobs } from '../lib/jobs.ts';
import { startRedis } from '../lib/redis.ts';
import { tuttiOn } from './tutti-jobs.ts';

const startOn =
  (startServer: () => Promise<RunningServer>, file: string): StartJobs =>
  async (workers, concurrency) =>
    startJobProcesses({ server: await startServer(), file, workers, concurrency });

export const onRedis = (isDurable: boolean): StartJobs =>
  startOn(() => startRedis(isDurable), 'peers/bullmq-jobs.ts');

export const tuttiOnRedis = tuttiOn(() => startRedis(true));

export const onPostgres = (
  startServer: () => Promise<RunningServer>,
): Readonly<Record<string, StartJobs>> => ({
  'BullMQ, PostgreSQL': startOn(startServer, 'peers/bullmq-postgres-jobs.ts'),
  'Graphile Worker, PostgreSQL': startOn(startServer, 'peers/graphile-jobs.ts'),
  'pg-boss, PostgreSQL': startOn(startServer, 'peers/pg-boss-jobs.ts'),
  'Tutti, PostgreSQL': tuttiOn(startServer),
});
