/**
 * What does a job cost, from being added to being done? BullMQ on Redis, in memory and with its log synced at every write, and what keeps its jobs in PostgreSQL,
 * beside Tutti on SQLite, which syncs before it acknowledges, and on the same Redis and PostgreSQL. All processes count: who adds, who keeps, who works. Who can keeps every job that is done.
 */
import { loadavg } from 'node:os';
import { backlog } from './backlog.ts';
import type { AddLoad, RunningJobs, StartJobs } from './lib/jobs.ts';
import { findPostgres } from './lib/postgres.ts';
import { chosen, digits, markdown, median } from './lib/table.ts';
import type { Answer, Settings } from './lib/table.ts';
import { onPostgres, onRedis, tuttiOnRedis } from './peers/job-servers.ts';
import { startTuttiJobs } from './peers/tutti-jobs.ts';

const floor = 'BullMQ, Redis AOF always';

async function postgresPeers({ smoke }: Settings): Promise<Readonly<Record<string, StartJobs>>> {
  const start = await findPostgres();
  if (start !== undefined) return onPostgres(start);
  const message =
    'There is no PostgreSQL: neither its programs, nor BENCH_POSTGRES_URL, nor a server on port 5432';
  if (smoke && process.env['CI'] !== undefined) throw new Error(message);
  console.error(`NOT MEASURED: BullMQ on PostgreSQL, Graphile Worker, pg-boss. ${message}.`);
  return {};
}

const peersOf = async (settings: Settings): Promise<Readonly<Record<string, StartJobs>>> => ({
  [floor]: onRedis(true),
  'BullMQ, Redis in memory': onRedis(false),
  ...(await postgresPeers(settings)),
  'Tutti, Redis AOF always': tuttiOnRedis,
  'Tutti, SQLite FULL': startTuttiJobs,
});

const adds: Readonly<Record<string, AddLoad>> = {
  'add, one by one': { count: 2_000, inFlight: 1, batch: 1 },
  'add, 100 in flight': { count: 10_000, inFlight: 100, batch: 1 },
  'addMany of 1,000': { count: 20_000, inFlight: 1, batch: 1_000 },
};

interface Figure {
  readonly perS: number;
  readonly us: number;
}

async function measured(running: RunningJobs, count: number, run: () => Promise<number>): Promise<Figure> {
  const usedUs = await running.meter();
  const before = usedUs();
  const ms = await run();
  return { perS: (count / ms) * 1_000, us: (usedUs() - before) / count };
}

type Figures = Map<string, Figure[]>;

function note(figures: Figures, name: string, figure: Figure): void {
  figures.set(name, [...(figures.get(name) ?? []), figure]);
}

interface Round {
  readonly running: RunningJobs;
  readonly figures: Figures;
  /** Of the counts. */
  readonly scale: number;
  /** How many were done before it. */
  readonly done: number;
}

/** Adding, then all that was added is done. Gives how many. */
async function round({ running, figures, scale, done }: Round): Promise<number> {
  await running.pause();
  let added = 0;
  for (const [name, load] of Object.entries(adds)) {
    const count = Math.round(load.count * scale);
    note(figures, name, await measured(running, count, () => running.add({ ...load, count })));
    added += count;
  }
  note(figures, 'process, 1 worker x 100', await measured(running, added, () => running.drain(done + added)));
  return added;
}

async function roundOfFour({ running, figures, scale, done }: Round): Promise<number> {
  await running.pause();
  const count = Math.round(20_000 * scale);
  await running.add({ count, inFlight: 1, batch: 1_000 });
  note(figures, 'process, 4 workers x 25', await measured(running, count, () => running.drain(done + count)));
  return count;
}

const rounds = 3;
/** Rounds that do not count, since the engine of Node is still compiling: three, or as many as begin within that time. */
const warmUp = { rounds: 3, ms: 20_000 };
const head = ['measure', 'peer', 'jobs/s', 'x AOF always', 'CPU µs per job', 'x AOF always'];

async function repeated(
  running: RunningJobs,
  once: (round: Round) => Promise<number>,
  { smoke }: Settings,
): Promise<Figures> {
  const figures: Figures = new Map();
  const unused: Figures = new Map();
  let done = 0;
  const scale = smoke ? 0.01 : 1;
  const began = performance.now();
  const isWarm = (turn: number): boolean =>
    smoke || turn >= warmUp.rounds || performance.now() - began > warmUp.ms;
  for (let turn = 0; !isWarm(turn); turn += 1) done += await once({ running, figures: unused, scale, done });
  for (let turn = 0; turn < (smoke ? 1 : rounds); turn += 1)
    done += await once({ running, figures, scale, done });
  return figures;
}

interface Asked {
  readonly figures: Figures;
  readonly latencies: readonly number[];
}

async function ask(start: StartJobs, settings: Settings): Promise<Asked> {
  const asked = await (async (): Promise<Asked> => {
    await using running = await start(1, 100);
    const one = await repeated(running, round, settings);
    return { figures: one, latencies: await running.latencies(settings.smoke ? 5 : 200) };
  })();
  // Whether a peer answers, one tells as well as four.
  if (settings.smoke) return asked;
  const { figures, latencies } = asked;
  await using running = await start(4, 25);
  const four = await repeated(running, roundOfFour, settings);
  return { figures: new Map([...figures, ...four]), latencies };
}

export async function jobs(settings: Settings): Promise<Answer> {
  const loads = [loadavg()[0] ?? NaN];
  const all = new Map<string, Asked>();
  for (const [name, start] of chosen(await peersOf(settings), settings))
    all.set(name, await ask(start, settings));
  const backlogTable = await backlog(settings.smoke);
  loads.push(loadavg()[0] ?? NaN);
  const names = [...(all.values().next().value?.figures.keys() ?? [])];
  const of = (peer: string, name: string, field: keyof Figure): number =>
    median((all.get(peer)?.figures.get(name) ?? []).map((figure) => figure[field]));
  const rows = names.flatMap((name) =>
    [...all.keys()].map((peer) => [
      name,
      peer,
      digits(of(peer, name, 'perS')),
      digits(of(peer, name, 'perS') / of(floor, name, 'perS'), 2),
      digits(of(peer, name, 'us')),
      digits(of(peer, name, 'us') / of(floor, name, 'us'), 2),
    ]),
  );
  const waits = [...all].map(([peer, { latencies }]) => {
    const sorted = latencies.toSorted((left, right) => left - right);
    const at = (part: number): string => digits(sorted[Math.floor(sorted.length * part)] ?? NaN, 2);
    return [`added to begun, idle: p50 ${at(0.5)} ms, p99 ${at(0.99)} ms`, peer, '–', '–', '–', '–'];
  });
  return {
    question: 'What does a job cost, from being added to being done?',
    table: `${markdown(head, [...rows, ...waits])}\n\n${backlogTable}`,
    note: `100 bytes of input; all processes count: who adds, who keeps (Redis, the owner of the store), who works. Medians of ${String(rounds)} rounds after ${String(warmUp.rounds)} to warm up, or as many as begin within ${digits(warmUp.ms / 1_000)} s; the peers one after the other. Load of the machine meanwhile: ${loads.map((load) => digits(load, 1)).join(' to ')}, the bench itself included.`,
  };
}
