/** Tutti in bench/start.ts: an instance of a running app, restarted; its start and readiness as the supervisor saw them. */
import { setTimeout as delay } from 'node:timers/promises';
import { privateMiB } from '../lib/proc.ts';
import { startTutti } from '../lib/tutti.ts';

export interface TuttiInstances extends AsyncDisposable {
  again(): Promise<{ readyMs: number; memoryMiB: number }>;
}

export async function startTuttiInstances(restMs: number): Promise<TuttiInstances> {
  const app = await startTutti('calls-app.ts');
  return {
    async again() {
      const before = await app.instance('echo');
      await app.command('restart', 'echo');
      let now = before;
      while (now.pid === before.pid) {
        await app.untilReady();
        now = await app.instance('echo');
      }
      await delay(restMs);
      return { readyMs: now.since - (now.startedAt ?? NaN), memoryMiB: privateMiB(now.pid ?? 0) };
    },
    [Symbol.asyncDispose]: () => app[Symbol.asyncDispose](),
  };
}
