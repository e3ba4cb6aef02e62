/** Tutti in bench/gateway.ts: its own gateway before a service with one route. */
import type { Requests, RunningGateway } from '../lib/peer.ts';
import { meeting } from '../lib/spawn.ts';
import { startTutti } from '../lib/tutti.ts';

/** The sum of a metric's samples that have the labels. */
function sumOf(text: string, metric: string, ...labels: string[]): number {
  const samples = text
    .split('\n')
    .filter((line) => line.startsWith(`${metric}{`) && labels.every((label) => line.includes(label)));
  return samples.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
}

/** Nobody knows of a request that the load generator cut off whether it got through: between the two is right. */
async function checkMetrics(base: string, { answered, sent }: Requests): Promise<void> {
  const text = await (await fetch(`${base}/metrics`)).text();
  const counts = {
    gateway: sumOf(text, 'tutti_http_requests_total', 'route="/users/:id"'),
    service: sumOf(text, 'tutti_action_calls_total', 'action="get"'),
  };
  for (const [where, counted] of Object.entries(counts)) {
    if (counted >= answered && counted <= sent) continue;
    throw new Error(
      `${where} counted ${String(counted)}, answered were ${String(answered)}, sent ${String(sent)}`,
    );
  }
}

export async function startTuttiGateway(): Promise<RunningGateway> {
  const { httpPort } = await meeting();
  const app = await startTutti('gateway-app.ts', { BENCH_PORT: String(httpPort) });
  const base = `http://127.0.0.1:${String(httpPort)}`;
  return {
    pids: await app.pids('users', 'public'),
    url: `${base}/users/1`,
    checkCounters: (requests) => checkMetrics(base, requests),
    [Symbol.asyncDispose]: () => app[Symbol.asyncDispose](),
  };
}
