/**
 * What do clients notice when one of two replicas dies under load, or is told to end? Through each peer's own gateway, with whoever starts
 * the dead again.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { Clients } from './lib/clients.ts';
import { forkedReplicas } from './lib/forked-replicas.ts';
import { livesStill } from './lib/proc.ts';
import { ask, pidIn } from './lib/supervised.ts';
import { chosen, digits, markdown, median } from './lib/table.ts';
import type { Answer, Settings } from './lib/table.ts';
import { tuttiReplicas } from './peers/tutti-replicas.ts';

export interface Replicas extends AsyncDisposable {
  readonly url: string;
  /** Of the two that run. */
  pids(): Promise<readonly number[]>;
}

const peers: Readonly<Record<string, () => Promise<Replicas>>> = {
  Moleculer: () => forkedReplicas('moleculer-replicas', false),
  'Moleculer, retries on': () => forkedReplicas('moleculer-replicas', true),
  Tutti: tuttiReplicas,
};

const clients = 16;
/** Longer than a process lives that is started again without a wait. */
const betweenMs = 1_000;
const whileMs = 1_000;
const servingMs = 120_000;
/** Then it is asked again which processes these are. */
const askForMs = 2_000;

interface Deaths {
  readonly asked: number;
  readonly failed: number;
  /** Of the answers to what was sent from 50 ms before each death on, for a second. */
  readonly slowestMs: readonly number[];
}

/** Once the gateway has had an answer of both: each peer is given all the time that it needs for that. */
async function bothServe(replicas: Replicas): Promise<readonly number[]> {
  const end = performance.now() + servingMs;
  while (performance.now() < end) {
    const running = new Set(await replicas.pids());
    const missing = new Set(running);
    const again = performance.now() + askForMs;
    while (missing.size > 0 && performance.now() < again) {
      missing.delete(pidIn(await ask(replicas.url, AbortSignal.timeout(1_000))) ?? 0);
      await delay(5);
    }
    if (running.size === 2 && missing.size === 0) return [...running];
  }
  throw new Error(`${replicas.url}: not both replicas served within ${String(servingMs)} ms`);
}

async function deaths(replicas: Replicas, signal: NodeJS.Signals, times: number): Promise<Deaths> {
  await using load = new Clients(replicas.url, clients);
  const slowestMs: number[] = [];
  for (let time = 0; time < times; time += 1) {
    const pids = await bothServe(replicas);
    await delay(betweenMs);
    const victim = pids[time % pids.length] ?? 0;
    const at = performance.now();
    process.kill(victim, signal);
    await delay(whileMs);
    while (livesStill(victim)) await delay(20);
    const around = load.asked.filter(({ sentAt }) => sentAt > at - 50 && sentAt < at + whileMs);
    slowestMs.push(Math.max(...around.map(({ tookMs }) => tookMs)));
  }
  const failed = load.asked.filter(({ isGood }) => !isGood).length;
  return { asked: load.asked.length, failed, slowestMs };
}

const row = (name: string, what: string, { asked, failed, slowestMs }: Deaths): string[] => [
  what,
  name,
  String(asked),
  String(failed),
  digits(median(slowestMs)),
  digits(Math.max(...slowestMs)),
];

export async function deathsUnderLoad(settings: Settings): Promise<Answer> {
  const times = settings.smoke ? { kill: 1, term: 1 } : { kill: 10, term: 20 };
  const kills: string[][] = [];
  const terms: string[][] = [];
  for (const [name, start] of chosen(peers, settings)) {
    await using replicas = await start();
    const { kill, term } = times;
    kills.push(row(name, `kill -9, ${String(kill)} times`, await deaths(replicas, 'SIGKILL', kill)));
    terms.push(row(name, `SIGTERM, ${String(term)} times`, await deaths(replicas, 'SIGTERM', term)));
  }
  return {
    question: 'What do clients notice when one of two replicas dies?',
    table: markdown(
      ['death', 'peer', 'requests', 'failed', 'slowest answer ms, median', 'worst'],
      [...kills, ...terms],
    ),
    note: 'Sixteen clients ask an action without a pause, through the gateway of the peer; it may be repeated (`idempotent`). The slowest answer is that of the second around each death. Moleculer has nobody who starts a node again: its processes are forked anew as soon as they end.',
  };
}
