import { defineApp, readEnv } from 'tutti';
import { z } from 'zod';

const { BENCH_LOG_FILE: file } = readEnv(z.object({ BENCH_LOG_FILE: z.string().optional() }));

export default defineApp({
  name: 'bench-logs',
  services: { writer: { module: './writer.ts' } },
  // So large that it is not turned over: the bench reads it from where it was.
  ...(file === undefined ? {} : { logs: { file, maxBytes: 4 * 1_024 ** 3 } }),
});
