/** Tutti in bench/jobs.ts: who adds and who works are services of one app; the store is kept before anything is acknowledged, by SQLite or by a server. */
import type { RunningServer } from '../lib/job-processes.ts';
import type { RunningJobs, StartJobs } from '../lib/jobs.ts';
import { cpuUs } from '../lib/proc.ts';
import { callOf } from '../lib/tutti-calls.ts';
import { startTutti } from '../lib/tutti.ts';

interface TuttiJobs {
  readonly workers: number;
  readonly concurrency: number;
  /** Undefined: a file. */
  readonly server?: RunningServer;
}

const urlOf = ({ address }: RunningServer): string =>
  /^\d+$/.test(address) ? `redis://127.0.0.1:${address}` : address;

async function start({ workers, concurrency, server }: TuttiJobs): Promise<RunningJobs> {
  const app = await startTutti('jobs-app.ts', {
    BENCH_WORKERS: String(workers),
    BENCH_CONCURRENCY: String(concurrency),
    ...(server === undefined ? {} : { BENCH_STORE: urlOf(server) }),
  });
  return {
    meter: async () => {
      const pids = await app.pids('adder', 'worker', 'store');
      return () => cpuUs(pids) + (server?.cpuUs() ?? 0);
    },
    add: (load) => callOf(app, 'adder.add', load),
    pause: () => callOf(app, 'adder.pause'),
    drain: (count) => callOf(app, 'adder.drain', { count }),
    latencies: async (count) => {
      await callOf(app, 'adder.latencies', { count });
      // One worker: see bench/jobs.ts.
      return callOf(app, 'worker.latencies');
    },
    [Symbol.asyncDispose]: async () => {
      await app[Symbol.asyncDispose]();
      await server?.[Symbol.asyncDispose]();
    },
  };
}

export const startTuttiJobs: StartJobs = (workers, concurrency) => start({ workers, concurrency });

export const tuttiOn =
  (startServer: () => Promise<RunningServer>): StartJobs =>
  async (workers, concurrency) => {
    const server = await startServer();
    try {
      return await start({ workers, concurrency, server });
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
  };
