import { defineApp, readEnv } from 'tutti';
import { z } from 'zod';

const env = readEnv(z.object({ BENCH_PORT: z.coerce.number().int() }));

export default defineApp({
  name: 'bench-gateway',
  services: { users: { module: './users.ts' } },
  gateways: { public: { host: '127.0.0.1', port: env.BENCH_PORT } },
});
