/**
 * The area `jobs` of a store: what is to be done, what is being done, and how it ended. Each mutation is one change of state; whether a job may be changed by who
 * asks is decided in the transaction that changes it.
 */
import { newRows } from '../sqlite/area.ts';
import type { Area } from '../sqlite/area.ts';
import { add } from './job-adding.ts';
import { counts, get, list, logs, queues, running } from './job-lists.ts';
import { removeOld } from './job-retention.ts';
import { jobCounts, jobLogs, jobQueues, jobs, jobTables, namedIndex } from './job-table.ts';
import { log, progress, turn } from './job-turns.ts';
import { cancel, clean, drain, keep, pause, promote, redrive, remove, retry } from './job-wishes.ts';
import { JobWriter, ofJobs } from './job-writer.ts';
import { jobSchedules, repair, schedule, scheduleTables, schedules, tick, unschedule } from './schedules.ts';

export const jobsArea: Area = {
  name: 'jobs',
  migrations: [jobTables, scheduleTables, namedIndex, newRows],
  tables: [jobs, jobCounts, jobLogs, jobQueues, jobSchedules],
  mutations: {
    ...{ add: ofJobs(add), turn: ofJobs(turn), progress: ofJobs(progress), log, pause, keep },
    ...{ cancel: ofJobs(cancel), retry: ofJobs(retry), promote: ofJobs(promote), remove: ofJobs(remove) },
    ...{ drain: ofJobs(drain), clean: ofJobs(clean), redrive: ofJobs(redrive) },
    ...{ schedule, unschedule, tick: ofJobs(tick), repair },
  },
  writer: (db) => new JobWriter(db),
  queries: { get, list, counts, logs, queues, running, schedules },
  sweep: removeOld,
};
