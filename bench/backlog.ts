/** What does it cost Tutti that a million jobs wait? The same queue, worked on while it has little to do, and again with a million behind. Part of bench/jobs.ts. */
import { cpuUs } from './lib/proc.ts';
import { digits, markdown, median } from './lib/table.ts';
import { callOf } from './lib/tutti-calls.ts';
import { startTutti } from './lib/tutti.ts';
import type { TuttiApp } from './lib/tutti.ts';

/** What one call of the command adds: it has a minute for it. */
const atOnce = 200_000;
const batch = 10_000;
const rounds = 3;

async function add(app: TuttiApp, total: number): Promise<void> {
  for (let left = total; left > 0; left -= atOnce)
    await callOf(app, 'adder.add', {
      count: Math.min(left, atOnce),
      inFlight: 1,
      batch: Math.min(left, batch),
    });
}

/** In microseconds for each job. */
interface Cost {
  readonly owner: number;
  readonly all: number;
}

interface Pids {
  readonly owner: readonly number[];
  readonly all: readonly number[];
}

class Queue {
  readonly #app: TuttiApp;
  readonly #pids: Pids;
  #done = 0;

  constructor(app: TuttiApp, pids: Pids) {
    this.#app = app;
    this.#pids = pids;
  }

  /** Begins, and stops when some more are done. */
  async some(count: number): Promise<Cost> {
    const { owner, all } = this.#pids;
    const [ownerBefore, allBefore] = [cpuUs(owner), cpuUs(all)];
    const done = await callOf<number>(this.#app, 'adder.some', { count: this.#done + count });
    const more = done - this.#done;
    this.#done = done;
    return { owner: (cpuUs(owner) - ownerBefore) / more, all: (cpuUs(all) - allBefore) / more };
  }
}

interface Looks {
  readonly countsMs: readonly number[];
  readonly pageMs: readonly number[];
  readonly endsMs: readonly number[];
}

const spread = (ms: readonly number[]): string =>
  `${digits(median(ms), 1)}, at most ${digits(Math.max(...ms), 1)}`;

interface Measured {
  readonly costs: readonly Cost[];
  readonly looks: Looks;
}

const medianOf = ({ costs }: Measured, field: keyof Cost): number => median(costs.map((cost) => cost[field]));

const rowOf = (name: string, measured: Measured, floor: Measured): string[] => {
  const { countsMs, pageMs, endsMs } = measured.looks;
  const costs = (['owner', 'all'] as const).flatMap((field) => {
    const us = medianOf(measured, field);
    return [digits(us), digits(us / medianOf(floor, field), 2)];
  });
  return [name, ...costs, ...[countsMs, pageMs, endsMs].map(spread)];
};

/** A table. */
export async function backlog(smoke: boolean): Promise<string> {
  const [backlogged, some, looks] = smoke ? [10_000, 500, 3] : [1_000_000, 20_000, 30];
  await using app = await startTutti('jobs-app.ts');
  const [owner, others] = [await app.pids('store'), await app.pids('adder', 'worker')];
  const queue = new Queue(app, { owner, all: [...owner, ...others] });
  const measured = async (before: () => Promise<void>): Promise<Measured> => {
    const costs: Cost[] = [];
    // The first one only warms up.
    for (let round = smoke ? 1 : 0; round <= (smoke ? 1 : rounds); round += 1) {
      await before();
      costs.push(await queue.some(some));
    }
    return { costs: costs.slice(smoke ? 0 : 1), looks: await callOf(app, 'adder.look', { count: looks }) };
  };
  await callOf(app, 'adder.pause');
  const empty = await measured(() => add(app, some));
  await add(app, backlogged + some * (rounds + 1));
  const full = await measured(() => Promise.resolve());
  const head = ['behind them', 'CPU µs of the owner per job', 'x none', 'CPU µs of all', 'x none'];
  return markdown(
    [...head, 'counts, ms', 'first page of those pending, ms', 'of those done, ms'],
    [rowOf('none', empty, empty), rowOf(`${backlogged.toLocaleString('en')} jobs`, full, empty)],
  );
}
