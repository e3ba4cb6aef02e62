import { defineApp } from 'tutti';

const env = { BENCH_TRACING: '1' };

export default defineApp({
  name: 'bench-traced-calls',
  services: { echo: { module: './echo.ts', env }, driver: { module: './driver.ts', env } },
});
