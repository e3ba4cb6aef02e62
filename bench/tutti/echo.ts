import { defineService } from 'tutti';
import { z } from 'zod';

if (process.env['BENCH_TRACING'] !== undefined) await import('./tracing.ts');

const Rows = z.object({ rows: z.array(z.object({ id: z.int(), name: z.string(), note: z.string() })) });

export default defineService({
  name: 'echo',
  actions: (action) => ({
    echo: action({ input: Rows, output: Rows, run: ({ input }) => input }),
  }),
});
