import { defineService, remote } from 'tutti';
import { z } from 'zod';
import { checkEcho, runLoad } from '../lib/load.ts';
import type { Call } from '../lib/peer.ts';
import type echo from './echo.ts';

if (process.env['BENCH_TRACING'] !== undefined) await import('./tracing.ts');

const Load = z.object({ size: z.enum(['100 B', '10 KB']), inFlight: z.int(), ms: z.int() });

export default defineService({
  name: 'driver',
  needs: { echo: remote<typeof echo>('echo') },
  actions: (action) => ({
    drive: action({
      input: Load,
      async run({ input, calls }) {
        const call = calls.echo.echo as Call;
        await checkEcho(call);
        return runLoad(call, input);
      },
    }),
  }),
});
