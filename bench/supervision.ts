/**
 * What does it take to keep services alive? Deaths, standstills, a crash loop, rest, and the end: Tutti beside PM2 and, as the floor, a parent of
 * ten lines. The service is the same file for all, lib/service.js, watched from outside.
 */
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { beatCost } from './lib/beat.ts';
import { livesStill } from './lib/proc.ts';
import { aliveMs, killedToServingMs, standstill } from './lib/recovery.ts';
import type { Standstill } from './lib/recovery.ts';
import { atRest, crashLoop } from './lib/resting.ts';
import type { CrashLoop, Rest } from './lib/resting.ts';
import { meeting, newFolder } from './lib/spawn.ts';
import type { Services, Supervised } from './lib/supervised.ts';
import { chosen, digits, markdown, median, medians } from './lib/table.ts';
import type { Answer, Settings } from './lib/table.ts';
import { superviseByHand } from './peers/supervised-by-hand.ts';
import { supervisePm2 } from './peers/supervised-pm2.ts';
import { superviseTutti } from './peers/supervised-tutti.ts';
import { buildPackage } from './peers/tutti-start.ts';

type Start = (services: Services) => Promise<Supervised>;

const peers: Readonly<Record<string, Start>> = {
  'by hand': superviseByHand,
  PM2: (services) => supervisePm2(services),
  Tutti: (services) => superviseTutti(services),
};

interface Watched {
  readonly url: string;
  readonly supervised: Supervised;
}

/** A measure with a figure per peer. */
type Row = readonly [measure: string, figures: Readonly<Record<string, string>>];

const urlOf = (port: number): string => `http://127.0.0.1:${String(port)}/`;
const httpPort = async (): Promise<number> => (await meeting()).httpPort;
const figuresOf = <T>(results: Map<string, T>, show: (result: T) => string): Record<string, string> =>
  Object.fromEntries([...results].map(([name, result]) => [name, show(result)]));

/** Each peer with one HTTP service; Tutti once more with a gateway before the service. */
async function startServing(
  settings: Settings,
  closers: AsyncDisposableStack,
): Promise<Map<string, Watched>> {
  const running = new Map<string, Watched>();
  for (const [name, start] of chosen(peers, settings)) {
    const port = await httpPort();
    const services = { one: { BENCH_PORT: String(port) } };
    running.set(name, { url: urlOf(port), supervised: closers.use(await start(services)) });
  }
  if (settings.without.includes('Tutti')) return running;
  const port = await httpPort();
  running.set('gateway', { url: urlOf(port), supervised: closers.use(await superviseTutti({}, port)) });
  return running;
}

/** The column of Tutti is split over two rows: the service's own port, and through the gateway. */
function twoRows(words: string, figures: Record<string, string>): Row[] {
  const { gateway: throughGateway = '–', ...own } = figures;
  return [
    [words, own],
    [`${words}, through Tutti's gateway`, { Tutti: throughGateway }],
  ];
}

async function recovery(settings: Settings): Promise<Row[]> {
  await using closers = new AsyncDisposableStack();
  const running = await startServing(settings, closers);
  const took = new Map<string, number[]>([...running.keys()].map((name) => [name, []]));
  // The first death only warms the compile cache.
  for (let turn = 0; turn <= (settings.smoke ? 0 : 9); turn += 1) {
    for (const [name, { url }] of running) {
      const ms = await killedToServingMs(url, settings.smoke ? 0 : aliveMs);
      if (turn > 0 || settings.smoke) took.get(name)?.push(ms);
    }
  }
  const rows = twoRows(
    '`kill -9` to serving, ms',
    figuresOf(took, (all) => digits(median(all))),
  );
  return settings.smoke ? rows : [...rows, ...(await standstills(running))];
}

const standstillMs = 20_000;
/** Before the end of that. */
const saysMs = 15_000;
const shown = (ms: number): string => (Number.isFinite(ms) ? digits(ms) : 'never');

/** PM2 once only: it would be the same for ever. */
async function pm2StandsStill({ url, supervised }: Watched): Promise<string> {
  const said = delay(saysMs).then(() => supervised.says('one'));
  const [{ servingMs }, { state }] = await Promise.all([standstill(url, standstillMs), said]);
  return `${shown(servingMs)} ("${state}" after 15 s)`;
}

async function standstills(running: Map<string, Watched>): Promise<Row[]> {
  const pm2 = running.get('PM2');
  const figures: Record<string, string> = pm2 === undefined ? {} : { PM2: await pm2StandsStill(pm2) };
  let refused = '–';
  for (const name of ['Tutti', 'gateway']) {
    const watched = running.get(name);
    if (watched === undefined) continue;
    const rounds: Standstill[] = [];
    for (let turn = 0; turn < 3; turn += 1) rounds.push(await standstill(watched.url, standstillMs));
    const { refusedMs = NaN, servingMs = NaN } = medians<string>(rounds);
    figures[name] = shown(servingMs);
    if (name === 'gateway') refused = shown(refusedMs);
  }
  return [
    ['SIGSTOP to turned away at once, ms, through the gateway', { Tutti: refused }],
    ...twoRows('SIGSTOP to serving again, ms', figures),
  ];
}

const four = Object.fromEntries(['one', 'two', 'three', 'four'].map((name) => [name, {}]));

async function rest(settings: Settings): Promise<Row[]> {
  await using closers = new AsyncDisposableStack();
  const running: [string, Supervised][] = [];
  for (const [name, start] of chosen(peers, settings)) running.push([name, closers.use(await start(four))]);
  const restMs = settings.smoke ? 200 : 30_000;
  const all = new Map<string, Rest>();
  await Promise.all(running.map(async ([name, one]) => all.set(name, await atRest(one, 'one', restMs))));
  const row = (words: string, show: (rest: Rest) => string): Row => [words, figuresOf(all, show)];
  return [
    row('4 services at rest: supervisor, RSS / private MiB', (found) =>
      found.residentMiB === 0 ? '–' : `${digits(found.residentMiB)} / ${digits(found.privateMiB)}`,
    ),
    row('… its CPU, ms per minute', (found) => digits(found.supervisingMs)),
    row('… one service, private MiB', (found) => digits(found.servicePrivateMiB, 1)),
    row('… its CPU, ms per minute', (found) => digits(found.serviceMs)),
  ];
}

type Loops = Readonly<Record<string, Start>>;
const forEver = { max_restarts: 1_000_000 };
const loops: Readonly<Record<string, Loops>> = {
  'as they come': {
    PM2: (services) => supervisePm2(services),
    Tutti: (services) => superviseTutti(services),
  },
  'PM2 never giving up': { PM2: (services) => supervisePm2(services, forEver) },
  'PM2 never giving up, with its backoff': {
    PM2: (services) => supervisePm2(services, { ...forEver, exp_backoff_restart_delay: 250 }),
  },
};

const crashLoopMs = 30_000;

async function loop(start: Start): Promise<CrashLoop> {
  const flag = join(newFolder(), 'end');
  await using supervised = await start({ one: { BENCH_FLAG: flag } });
  // Awaited here: without, it would be ended before it has begun.
  return await crashLoop(supervised, { service: 'one', flag, lastMs: crashLoopMs });
}

async function crashLoops(settings: Settings): Promise<Row[]> {
  if (settings.smoke) return [];
  const rows: Row[] = [];
  for (const [words, starts] of Object.entries(loops)) {
    const all = new Map<string, CrashLoop>();
    for (const [name, start] of chosen(starts, settings)) all.set(name, await loop(start));
    rows.push(
      [
        `crash loop for 30 s, ${words}: starts`,
        figuresOf(all, (one) => `${digits(one.restarts)}, then "${one.state}"`),
      ],
      [
        '… CPU of the supervisor / of what it started, ms',
        figuresOf(all, (one) => `${digits(one.supervisingMs)} / ${digits(one.startsMs)}`),
      ],
    );
  }
  return rows;
}

/** @throws {Error} when the command returned and the last service or who supervised was left. */
async function stopMs(start: Start, services: Services): Promise<number> {
  await using supervised = await start(services);
  const last = Object.keys(services).at(-1) ?? '';
  const pid = await supervised.pidOf(last);
  const began = performance.now();
  await supervised.stopAll();
  // A command may return while its daemon still ends: what counts is that they are gone.
  while ([pid, ...supervised.supervisors].some(livesStill)) {
    if (performance.now() - began > 60_000) throw new Error('stopped, and after a minute not gone');
    await delay(5);
  }
  return performance.now() - began;
}

async function stops(settings: Settings): Promise<Row[]> {
  if (settings.smoke) return [];
  const thirty = Object.fromEntries(
    Array.from({ length: 30 }, (_none, index) => [`service${String(index)}`, {}]),
  );
  const all = new Map<string, number[]>(chosen(peers, settings).map(([name]) => [name, []]));
  for (let turn = 0; turn < 3; turn += 1)
    for (const [name, start] of chosen(peers, settings)) all.get(name)?.push(await stopMs(start, thirty));
  return [
    [
      '30 services: from the command to stop all until they and their supervisor are gone, ms',
      figuresOf(all, (ms) => digits(median(ms))),
    ],
  ];
}

function beats({ smoke, without }: Settings): Row[] {
  if (without.includes('Tutti')) return [];
  const { writeUs, beatUs } = beatCost(newFolder(), smoke ? 1_000 : 50_000);
  const figures = { Tutti: `${digits(beatUs, 1)}, of it ${digits(writeUs, 1)} for the record` };
  return [['one heartbeat of an instance, two a second: CPU µs', figures]];
}

export async function supervision(settings: Settings): Promise<Answer> {
  buildPackage();
  const loads = [loadavg()[0] ?? NaN];
  const rows: Row[] = [];
  for (const part of [recovery, rest, crashLoops, stops, beats]) {
    rows.push(...(await part(settings)));
    loads.push(loadavg()[0] ?? NaN);
  }
  const names = chosen(peers, settings).map(([name]) => name);
  return {
    question: 'What does it take to keep services alive?',
    table: markdown(
      ['measure', ...names],
      rows.map(([words, figures]) => [words, ...names.map((name) => figures[name] ?? '–')]),
    ),
    note: `By hand: a parent of ten lines that starts its child again. The supervisor: PM2's daemon; Tutti's keeper and supervisor together. Load of the machine meanwhile: ${digits(Math.min(...loads), 1)} to ${digits(Math.max(...loads), 1)}, the bench itself included.`,
  };
}
