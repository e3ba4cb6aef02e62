/**
 * What does an HTTP request through a gateway to a service cost? `GET /users/1` from a load generator in its own process.
 */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { user } from './lib/peer.ts';
import type { Requests, RunningGateway } from './lib/peer.ts';
import { cpuUs } from './lib/proc.ts';
import { startGateway } from './lib/spawn.ts';
import { chosen, digits, markdown, medians } from './lib/table.ts';
import type { Answer, Settings } from './lib/table.ts';
import { startTuttiGateway } from './peers/tutti-gateway.ts';

const peers: Readonly<Record<string, () => Promise<RunningGateway>>> = {
  'Fastify alone': () => startGateway('fastify-gateway', ['gateway']),
  'Fastify + socket service (floor)': () => startGateway('floor-gateway'),
  Tutti: startTuttiGateway,
  'Nest (Fastify) + TCP': () => startGateway('nest-gateway'),
  'moleculer-web': () => startGateway('moleculer-gateway'),
};

/** What we read of autocannon's report. */
interface Report {
  readonly requests: { readonly total: number; readonly sent: number };
  readonly latency: { readonly p50: number; readonly p99: number };
  readonly duration: number;
  readonly errors: number;
  readonly non2xx: number;
}

const noRequests: Requests = { answered: 0, sent: 0 };
const fired = new Map<string, Requests>();

function note(url: string, { total, sent }: Report['requests']): void {
  const before = fired.get(url) ?? noRequests;
  fired.set(url, { answered: before.answered + total, sent: before.sent + sent });
}

interface Load {
  readonly name: string;
  readonly connections: number;
  /** Client, gateway and service on one core, whichever the scheduler would have chosen. */
  readonly isOnOneCore: boolean;
}

const busy: Load = { name: '50 connections', connections: 50, isOnOneCore: false };
const loads: readonly Load[] = [
  busy,
  { name: '1 connection', connections: 1, isOnOneCore: false },
  { name: '1 connection, one core', connections: 1, isOnOneCore: true },
];

const run = promisify(execFile);
const core = '0';

async function fire(url: string, load: Load, seconds: number): Promise<Report> {
  const program = join(import.meta.dirname, 'node_modules/autocannon/autocannon.js');
  const args = [program, '--json', '-c', String(load.connections), '-d', String(seconds), url];
  const [first = '', ...rest] = [
    ...(load.isOnOneCore ? ['taskset', '-c', core] : []),
    ...[process.execPath, ...args],
  ];
  const report = JSON.parse((await run(first, rest)).stdout) as Report;
  note(url, report.requests);
  return report;
}

async function round(
  { pids, url }: RunningGateway,
  load: Load,
  seconds: number,
): Promise<Record<string, number>> {
  const before = cpuUs(pids);
  const { requests, latency, duration, errors, non2xx } = await fire(url, load, seconds);
  const cpu = (cpuUs(pids) - before) / requests.total;
  if (errors + non2xx > 0 || requests.total === 0) {
    throw new Error(
      `${url}: ${String(errors)} errors, ${String(non2xx)} bad answers, ${String(requests.total)} in all`,
    );
  }
  return { cpu, perSecond: requests.total / duration, p50: latency.p50, p99: latency.p99 };
}

async function checkAnswer({ url }: RunningGateway): Promise<void> {
  const answer = await (await fetch(url)).text();
  if (answer !== JSON.stringify(user)) throw new Error(`${url} answers ${answer}`);
  note(url, { total: 1, sent: 1 });
}

async function compare(
  running: Map<string, RunningGateway>,
  load: Load,
  smoke: boolean,
): Promise<string[][]> {
  if (load.isOnOneCore)
    for (const { pids } of running.values())
      for (const pid of pids) await run('taskset', ['-acp', core, String(pid)]);
  const results = new Map<string, Record<string, number>[]>([...running.keys()].map((name) => [name, []]));
  for (let turn = 0; turn < (smoke ? 1 : 5); turn += 1) {
    for (const [name, peer] of running) results.get(name)?.push(await round(peer, load, smoke ? 1 : 4));
  }
  const figures = new Map([...results].map(([name, all]) => [name, medians(all)]));
  const floor = figures.get('Fastify + socket service (floor)')?.['cpu'] ?? NaN;
  return [...figures].map(([name, { cpu = NaN, perSecond = NaN, p50 = NaN, p99 = NaN }]) => [
    load.name,
    name,
    digits(cpu),
    digits(cpu / floor, 2),
    digits(perSecond),
    digits(p50),
    digits(p99),
  ]);
}

export async function gateway(settings: Settings): Promise<Answer> {
  const { smoke } = settings;
  await using closers = new AsyncDisposableStack();
  const running = new Map<string, RunningGateway>();
  for (const [name, start] of chosen(peers, settings)) running.set(name, closers.use(await start()));
  for (const peer of running.values()) await checkAnswer(peer);
  if (!smoke) for (const peer of running.values()) await fire(peer.url, busy, 2);
  const rows: string[][] = [];
  for (const load of loads) rows.push(...(await compare(running, load, smoke)));
  for (const peer of running.values()) await peer.checkCounters?.(fired.get(peer.url) ?? noRequests);
  return {
    question: 'What does a request through a gateway to a service cost?',
    table: markdown(
      ['load', 'peer', 'CPU µs per request', 'x floor', 'requests/s', 'p50 ms', 'p99 ms'],
      rows,
    ),
    note: 'CPU of gateway and service together. The load generator is its own process and shares the machine. Floor: Fastify and a service behind a socket with coalesced writes, by hand, nothing validated. One core: all three processes of a peer on the same one, so that nobody is charged for where the scheduler puts them.',
  };
}
