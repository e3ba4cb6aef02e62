/** Tutti in bench/gateway.ts: its own gateway before a service with one route. */
import type { RunningGateway } from '../lib/peer.ts';
import { meeting } from '../lib/spawn.ts';
import { startTutti } from '../lib/tutti.ts';

export async function startTuttiGateway(): Promise<RunningGateway> {
  const { httpPort } = await meeting();
  const app = await startTutti('gateway-app.ts', { BENCH_PORT: String(httpPort) });
  return {
    pids: await app.pids('users', 'public'),
    url: `http://127.0.0.1:${String(httpPort)}/users/1`,
    [Symbol.asyncDispose]: () => app[Symbol.asyncDispose](),
  };
}
