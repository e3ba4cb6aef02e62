import { defineService } from 'tutti';
import { sharedNow } from '../lib/jobs.ts';
import { work } from './jobs-queue.ts';

const latencies: number[] = [];

export default defineService({
  name: 'worker',
  actions: (action) => ({ latencies: action({ run: () => latencies.splice(0) }) }),
  queues: (worker) => ({
    work: worker(work, { concurrency: Number(process.env['BENCH_CONCURRENCY'] ?? 100) }, ({ input }) => {
      if (input.at > 0) latencies.push(sharedNow() - input.at);
      return { ok: true };
    }),
  }),
});
