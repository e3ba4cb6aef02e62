/**
 * One process of Graphile Worker in bench/jobs.ts: see `lib/job-processes.ts`. The settings its guide to performance gives for many jobs, and reached its own figures
 * with: a local queue of 500, ends written together, and as many connections as it advises, which it opens as it needs them. It has no pause: its workers start and
 * end. What is done it deletes, so it keeps no result.
 */
import { Logger, makeWorkerUtils, run } from 'graphile-worker';
import type { Runner } from 'graphile-worker';
import pg from 'pg';
import { answerAsAdder, answerAsWorker, text } from '../lib/job-role.ts';
import { sharedNow } from '../lib/jobs.ts';
import { countingDone } from '../lib/open-jobs.ts';

const [role, connectionString = '', wanted] = process.argv.slice(2);
const concurrency = Number(wanted);
const logger = new Logger(() => () => undefined);

function work(): void {
  const latencies: number[] = [];
  const preset: GraphileConfig.Preset = {
    worker: {
      ...{ connectionString, concurrentJobs: concurrency, maxPoolSize: concurrency + 2 },
      ...{ localQueue: { size: 500 }, completeJobBatchDelay: 0, failJobBatchDelay: 0 },
    },
  };
  const taskList = {
    work: (payload: unknown) => {
      const { at } = payload as { at: number };
      if (at > 0) latencies.push(sharedNow() - at);
    },
  };
  let runner: Runner | undefined;
  answerAsWorker({
    latencies,
    begin: async () => {
      runner ??= await run({ preset, taskList, logger, noHandleSignals: true, parsedCronItems: [] });
    },
    stop: async () => {
      await runner?.stop();
      runner = undefined;
    },
  });
}

async function add(): Promise<void> {
  const utils = await makeWorkerUtils({ connectionString, maxPoolSize: 10, logger });
  await utils.migrate();
  const adder = {
    add: ([first = 0, ...more]: readonly number[]) =>
      more.length === 0
        ? utils.addJob('work', { at: first, text })
        : utils.addJobs([first, ...more].map((at) => ({ identifier: 'work', payload: { at, text } }))),
    resume: () => Promise.resolve(),
  };
  const pool = new pg.Pool({ connectionString, max: 1 });
  const table = 'graphile_worker._private_jobs';
  answerAsAdder(countingDone(adder, { pool, table, countOpen: `SELECT count(*) FROM ${table}` }));
}

await (role === 'work' ? work() : add());
