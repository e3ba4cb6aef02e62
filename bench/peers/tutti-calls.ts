/**
 * Tutti in bench/calls.ts: a service `driver` that calls a service `echo`, both of one app; nothing of the chain is left out.
 * The processes that count are those two: supervisor and keeper carry no calls.
 */
import type { LoadResult, RunningCalls } from '../lib/peer.ts';
import { startTutti } from '../lib/tutti.ts';

export async function startTuttiCalls(): Promise<RunningCalls> {
  const app = await startTutti('calls-app.ts');
  return {
    pids: await app.pids('echo', 'driver'),
    drive: async (load) =>
      JSON.parse(await app.command('call', 'driver.drive', JSON.stringify(load))) as LoadResult,
    [Symbol.asyncDispose]: () => app[Symbol.asyncDispose](),
  };
}
