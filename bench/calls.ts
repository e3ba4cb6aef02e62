/**
 * What does a call from process to process cost? Echo between two processes, each peer in two of its own; the rounds of the
 * peers take turns, so that a busy moment of the machine hurts them all.
 */
import type { Load, RunningCalls } from './lib/peer.ts';
import { cpuUs } from './lib/proc.ts';
import { startCalls } from './lib/spawn.ts';
import { chosen, digits, markdown, medians } from './lib/table.ts';
import type { Answer, Settings } from './lib/table.ts';
import { startTuttiCalls } from './peers/tutti-calls.ts';

const peers: Readonly<Record<string, () => Promise<RunningCalls>>> = {
  raw: () => startCalls('raw-calls'),
  'raw, coalesced': () => startCalls('coalesced-calls'),
  Tutti: () => startTuttiCalls(),
  'Tutti, traced': () => startTuttiCalls('traced-calls-app.ts'),
  'Moleculer TCP': () => startCalls('moleculer-calls'),
  'Nest TCP': () => startCalls('nest-calls'),
};

const loads = (['100 B', '10 KB'] as const).flatMap((size) =>
  [1, 10, 100].map((inFlight) => ({ size, inFlight })),
);

interface Round extends Record<string, number> {
  cpu: number;
  perSecond: number;
  p50: number;
  p99: number;
}

/** Share of a round that is not counted: while the others had their turn the engine has made its heap small. */
const warmUp = 0.2;

async function round(peer: RunningCalls, load: Load): Promise<Round> {
  await peer.drive({ ...load, ms: load.ms * warmUp });
  const before = cpuUs(peer.pids);
  const { calls, ms, p50Ms, p99Ms } = await peer.drive(load);
  if (calls === 0) throw new Error('no call was answered');
  return {
    cpu: (cpuUs(peer.pids) - before) / calls,
    perSecond: calls / (ms / 1_000),
    p50: p50Ms,
    p99: p99Ms,
  };
}

async function compare(running: Map<string, RunningCalls>, load: Load, rounds: number): Promise<string[][]> {
  const results = new Map<string, Round[]>([...running.keys()].map((name) => [name, []]));
  for (let turn = 0; turn < rounds; turn += 1) {
    for (const [name, peer] of running) results.get(name)?.push(await round(peer, load));
  }
  const figures = new Map([...results].map(([name, all]) => [name, medians(all) as Round]));
  const raw = figures.get('raw')?.cpu ?? NaN;
  return [...figures].map(([name, { cpu, perSecond, p50, p99 }]) => [
    `${load.size}, ${String(load.inFlight)} in flight`,
    name,
    digits(cpu),
    digits(cpu / raw, 2),
    digits(perSecond),
    digits(p50, 3),
    digits(p99, 3),
  ]);
}

export async function calls(settings: Settings): Promise<Answer> {
  const { smoke } = settings;
  const ms = smoke ? 100 : 1_500;
  await using closers = new AsyncDisposableStack();
  const running = new Map<string, RunningCalls>();
  for (const [name, start] of chosen(peers, settings)) running.set(name, closers.use(await start()));
  for (const peer of running.values()) await peer.drive({ size: '100 B', inFlight: 100, ms });
  const rows: string[][] = [];
  for (const load of loads) rows.push(...(await compare(running, { ...load, ms }, smoke ? 1 : 7)));
  for (const peer of running.values()) await peer.checkCounters?.();
  return {
    question: 'What does a call from process to process cost?',
    table: markdown(['load', 'peer', 'CPU µs per call', 'x raw', 'calls/s', 'p50 ms', 'p99 ms'], rows),
    note: 'CPU of both processes. Raw: JSON behind a 4-byte length on a unix socket, one write per message. Tutti: the whole chain of two services of an app, typed, input and output validated. Traced: the same with an OpenTelemetry SDK that makes all spans and sends none.',
  };
}
