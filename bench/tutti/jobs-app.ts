import { defineApp, readEnv } from 'tutti';
import { z } from 'zod';

const env = readEnv(
  z.object({
    BENCH_WORKERS: z.coerce.number().default(1),
    BENCH_CONCURRENCY: z.string().default('100'),
    BENCH_STORE: z.string().optional(),
  }),
);

export default defineApp({
  name: 'bench-jobs',
  services: {
    adder: { module: './jobs-adder.ts' },
    worker: {
      module: './jobs-worker.ts',
      replicas: env.BENCH_WORKERS,
      env: { BENCH_CONCURRENCY: env.BENCH_CONCURRENCY },
    },
  },
  store: env.BENCH_STORE === undefined ? {} : { url: env.BENCH_STORE, requireAck: 'disk' },
});
