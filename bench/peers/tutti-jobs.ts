/** Tutti in bench/jobs.ts: who adds and who works are services of one app, the store is SQLite, synced before anything is acknowledged. */
import type { RunningJobs } from '../lib/jobs.ts';
import { cpuUs } from '../lib/proc.ts';
import { callOf } from '../lib/tutti-calls.ts';
import { startTutti } from '../lib/tutti.ts';

export async function startTuttiJobs(workers: number, concurrency: number): Promise<RunningJobs> {
  const app = await startTutti('jobs-app.ts', {
    BENCH_WORKERS: String(workers),
    BENCH_CONCURRENCY: String(concurrency),
  });
  return {
    meter: async () => {
      const pids = await app.pids('adder', 'worker', 'store');
      return () => cpuUs(pids);
    },
    add: (load) => callOf(app, 'adder.add', load),
    pause: () => callOf(app, 'adder.pause'),
    drain: (count) => callOf(app, 'adder.drain', { count }),
    latencies: async (count) => {
      await callOf(app, 'adder.latencies', { count });
      // One worker: see bench/jobs.ts.
      return callOf(app, 'worker.latencies');
    },
    [Symbol.asyncDispose]: () => app[Symbol.asyncDispose](),
  };
}
