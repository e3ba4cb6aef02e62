import { defineApp, readEnv } from 'tutti';
import { z } from 'zod';

const env = readEnv(z.object({ BENCH_PORT: z.coerce.number().int() }));

export default defineApp({
  name: 'bench-deaths',
  // It is killed often, and each time for the first time.
  restart: { minUptime: 500 },
  services: { who: { module: './who.ts', replicas: 2 } },
  gateways: { public: { host: '127.0.0.1', port: env.BENCH_PORT } },
});
