/**
 * Tutti in bench/calls.ts: a service `driver` that calls a service `echo`, both of one app; nothing of the chain is left out.
 * The processes that count are those two: supervisor and keeper carry no calls.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { echoChecks } from '../lib/load.ts';
import type { LoadResult, RunningCalls } from '../lib/peer.ts';
import { startTutti } from '../lib/tutti.ts';

/** The statistics slot is written with the next heartbeat. */
const statisticsMs = 5_000;

export async function startTuttiCalls(appFile = 'calls-app.ts'): Promise<RunningCalls> {
  const app = await startTutti(appFile);
  let sent = 0;
  return {
    pids: await app.pids('echo', 'driver'),
    async drive(load) {
      const answer = await app.command('call', 'driver.drive', JSON.stringify(load));
      const result = JSON.parse(answer) as LoadResult;
      sent += echoChecks + result.calls;
      return result;
    },
    async checkCounters() {
      const end = performance.now() + statisticsMs;
      let counted = -1;
      while (performance.now() < end) {
        counted = (await app.instance('echo')).requests;
        if (counted === sent) return;
        await delay(100);
      }
      throw new Error(`echo was called ${String(sent)} times and counted ${String(counted)}`);
    },
    [Symbol.asyncDispose]: () => app[Symbol.asyncDispose](),
  };
}
