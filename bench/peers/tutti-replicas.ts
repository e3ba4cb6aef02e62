/** Tutti in bench/deaths.ts: a service with two replicas behind a gateway. */
import type { Replicas } from '../deaths.ts';
import { meeting } from '../lib/spawn.ts';
import { startTutti } from '../lib/tutti.ts';

export async function tuttiReplicas(): Promise<Replicas> {
  const { httpPort } = await meeting();
  const app = await startTutti('deaths-app.ts', { BENCH_PORT: String(httpPort) });
  return {
    url: `http://127.0.0.1:${String(httpPort)}/`,
    async pids() {
      await app.untilReady();
      return app.pids('who');
    },
    [Symbol.asyncDispose]: () => app[Symbol.asyncDispose](),
  };
}
