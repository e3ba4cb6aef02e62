/**
 * One process of pg-boss in bench/jobs.ts: see `lib/job-processes.ts`. What its documentation offers for many jobs (as many in one fetch as may run at once, the next
 * fetch at once while they come back full) and for latency (LISTEN/NOTIFY; without it a worker looks every half a second at best, but NOTIFY makes commits of several connections one after the other). A batch is done as a whole,
 * so no job keeps a result.
 */
import pg from 'pg';
import { PgBoss } from 'pg-boss';
import { answerAsAdder, answerAsWorker, text } from '../lib/job-role.ts';
import { sharedNow } from '../lib/jobs.ts';
import { countingDone } from '../lib/open-jobs.ts';

const [role, connectionString = '', concurrency] = process.argv.slice(2);
const boss = new PgBoss({ connectionString, max: 10, useListenNotify: true, schedule: false });
boss.on('error', (error) => {
  throw error;
});
await boss.start();

function work(): void {
  const latencies: number[] = [];
  const options = {
    ...{ batchSize: Number(concurrency), burstWhenBatchFull: true, pollingIntervalSeconds: 0.5 },
  };
  let isWorking = false;
  answerAsWorker({
    latencies,
    begin: async () => {
      if (isWorking) return;
      isWorking = true;
      await boss.work<{ at: number }>('work', options, (jobs) => {
        for (const { data } of jobs) if (data.at > 0) latencies.push(sharedNow() - data.at);
        return Promise.resolve();
      });
    },
    stop: async () => {
      if (isWorking) await boss.offWork('work', { wait: true });
      isWorking = false;
    },
  });
}

async function add(): Promise<void> {
  await boss.createQueue('work', { notify: true });
  const adder = {
    add: ([first = 0, ...more]: readonly number[]) =>
      more.length === 0
        ? boss.send('work', { at: first, text })
        : boss.insert(
            'work',
            [first, ...more].map((at) => ({ data: { at, text } })),
          ),
    resume: () => Promise.resolve(),
  };
  const pool = new pg.Pool({ connectionString, max: 1 });
  const countOpen = "SELECT count(*) FROM pgboss.job WHERE name = 'work' AND state < 'completed'";
  answerAsAdder(countingDone(adder, { pool, countOpen, table: 'pgboss.job' }));
}

await (role === 'work' ? work() : add());
