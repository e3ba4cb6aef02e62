/**
 * Fibonacci: an API that takes jobs, workers that do them, each with a gateway of its own, and a queue between them that outlives both. The only file that
 * reads settings. Started by `tutti start`; examples/showcase runs the same app beside the shop.
 */
import { defineApp, readEnv } from 'tutti';
import { z } from 'zod';

const port = z.coerce.number().int().min(0).max(65_535);
const settings = readEnv(
  z.object({
    FIBONACCI_API_PORT: port.default(5_000),
    FIBONACCI_WORKER_PORT: port.default(5_001),
    FIBONACCI_WORKERS: z.coerce.number().int().min(0).max(64).default(1),
    FIBONACCI_DELAY_MS: z.coerce.number().int().min(0).max(30_000).default(200),
    FIBONACCI_FAIL_ONE_IN: z.coerce.number().int().min(0).default(0),
    FIBONACCI_STORE: z.string().default('sqlite:'),
  }),
);

export default defineApp({
  name: 'fibonacci',
  services: {
    FibonacciApi: { module: './services/api.ts' },
    FibonacciWorker: {
      module: './services/worker.ts',
      replicas: settings.FIBONACCI_WORKERS,
      config: { delayMs: settings.FIBONACCI_DELAY_MS, failOneIn: settings.FIBONACCI_FAIL_ONE_IN },
    },
  },
  gateways: {
    'fibonacci-api': { port: settings.FIBONACCI_API_PORT, services: ['FibonacciApi'] },
    'fibonacci-worker': { port: settings.FIBONACCI_WORKER_PORT, services: ['FibonacciWorker'] },
  },
  store: { url: settings.FIBONACCI_STORE },
});
