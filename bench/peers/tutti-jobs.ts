/** Tutti in bench/jobs.ts: who adds and who works are services of one app, the store is SQLite, synced before anything is acknowledged. */
import type { RunningJobs } from '../lib/jobs.ts';
import { cpuUs } from '../lib/proc.ts';
import { startTutti } from '../lib/tutti.ts';

export async function startTuttiJobs(workers: number, concurrency: number): Promise<RunningJobs> {
  const app = await startTutti('jobs-app.ts', {
    BENCH_WORKERS: String(workers),
    BENCH_CONCURRENCY: String(concurrency),
  });
  const ask = async <T>(action: string, input: object = {}): Promise<T> =>
    JSON.parse(
      (await app.command('call', action, JSON.stringify(input), '--deadline', '60000')) || 'null',
    ) as T;
  return {
    meter: async () => {
      const pids = await app.pids('adder', 'worker', 'store');
      return () => cpuUs(pids);
    },
    add: (load) => ask('adder.add', load),
    pause: () => ask('adder.pause'),
    drain: (count) => ask('adder.drain', { count }),
    latencies: async (count) => {
      await ask('adder.latencies', { count });
      // One worker: see bench/jobs.ts.
      return ask('worker.latencies');
    },
    [Symbol.asyncDispose]: () => app[Symbol.asyncDispose](),
  };
}
