/** Tutti in bench/events.ts: who tells and who hears are services of one app. */
import type { RunningEvents } from '../lib/events.ts';
import { cpuUs } from '../lib/proc.ts';
import { callOf } from '../lib/tutti-calls.ts';
import { startTutti } from '../lib/tutti.ts';

export async function startTuttiEvents(): Promise<RunningEvents> {
  const app = await startTutti('events-app.ts');
  return {
    meter: async () => {
      const pids = await app.pids('teller', 'hearer', 'store');
      return () => cpuUs(pids);
    },
    tell: (count) => callOf(app, 'teller.tell', { count }),
    [Symbol.asyncDispose]: () => app[Symbol.asyncDispose](),
  };
}
