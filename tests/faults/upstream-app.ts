/**
 * The app of four upstreams under a steady load: each client asks its route at a pace, as people do, and every answer is remembered with its
 * times. Used by the tests of what a bad upstream costs.
 */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import type { AppStatus } from '../../src/core/status.ts';
import { Command, fixture, makeHome } from '../journeys/command.ts';

/** `red` has four instances, the others one. */
export const routes = ['red', 'green', 'blue', 'grey'] as const;
export type Route = (typeof routes)[number];
export type Mood = 'hang' | 'die' | 'refuse' | 'slow';

export interface Answer {
  readonly route: Route;
  readonly startedAt: number;
  readonly endedAt: number;
  /** 0: there was none. */
  readonly status: number;
  readonly code: string;
  readonly retryAfter: number;
  /** Of who answered, as far as it says so. */
  readonly pid: number;
}

export interface Pace {
  readonly clients: number;
  readonly everyMs: number;
  /** How long each waits for its answer. */
  readonly withinMs?: number;
}

/** One test's clients; what it spoiled is well again at its end. */
export class UpstreamLoad implements AsyncDisposable {
  readonly answers: Answer[] = [];
  readonly app: UpstreamApp;
  /** That goes bad. */
  readonly bad: Route;
  readonly #clients: Promise<void>[] = [];
  readonly #reachedBefore: number;
  #isStopped = false;

  constructor(app: UpstreamApp, bad: Route, reachedBefore: number) {
    this.app = app;
    this.bad = bad;
    this.#reachedBefore = reachedBefore;
  }

  ask(route: Route, { clients, everyMs, withinMs }: Pace): void {
    const run = async (at: number): Promise<void> => {
      await pause((at * everyMs) / clients);
      while (!this.#isStopped) {
        const answer = await this.app.ask(route, withinMs);
        this.answers.push(answer);
        await pause(Math.max(1, everyMs - (answer.endedAt - answer.startedAt)));
      }
    };
    this.#clients.push(...Array.from({ length: clients }, (_, at) => run(at)));
  }

  askOthers(pace: Pace): void {
    for (const route of routes) if (route !== this.bad) this.ask(route, pace);
  }

  of(route: Route, since = 0): Answer[] {
    return this.answers.filter((answer) => answer.route === route && answer.startedAt >= since);
  }

  /** Of those who shall feel nothing. */
  othersFailed(): Answer[] {
    return this.answers.filter(({ route, status }) => route !== this.bad && status !== 200);
  }

  /** Until so many answers of the bad upstream are such. Gives them. */
  async sees(
    what: string,
    isSuch: (answer: Answer) => boolean,
    { count = 1, since = 0 } = {},
  ): Promise<[Answer, ...Answer[]]> {
    const until = performance.now() + 60_000;
    while (performance.now() < until) {
      const [first, ...more] = this.of(this.bad, since).filter(isSuch);
      if (first !== undefined && more.length >= count - 1) return [first, ...more];
      await pause(10);
    }
    const last = JSON.stringify(this.of(this.bad, since).slice(-5));
    throw new Error(`not seen: ${what}\n${last}\n${this.app.said}`);
  }

  /** How often the handler of the bad upstream was reached by all this. */
  async reached(): Promise<number> {
    return (await this.app.reached(this.bad)) - this.#reachedBefore;
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await Promise.all(this.#clients);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await this.app.mendAll();
  }
}

export class UpstreamApp extends Command {
  readonly #home: ReturnType<typeof makeHome>;
  readonly #spoiled = new Set<string>();
  readonly #stopped = new Set<number>();
  #url = '';

  constructor() {
    const home = makeHome();
    super(home.folder, ['start', fixture('upstream/tutti.ts')], { FOLDER: home.folder });
    this.#home = home;
  }

  /** Until every route has answered: what a start takes is not what is measured. */
  async open(): Promise<void> {
    const areReady = ({ services }: AppStatus): boolean =>
      services.every(({ ready, wanted }) => ready >= wanted);
    // Ten processes: on a machine that has much else to do that takes long.
    await this.until('all are ready', areReady, 60_000);
    this.#url = await this.url();
    for (const route of routes) while ((await this.ask(route)).status !== 200) await pause(20);
  }

  async load(bad: Route): Promise<UpstreamLoad> {
    return new UpstreamLoad(this, bad, await this.reached(bad));
  }

  async reached(route: Route): Promise<number> {
    const { shared } = await this.status();
    return shared[`asked.${route}`] ?? 0;
  }

  /** @param who an upstream, or one process of it. Gives the time. */
  spoil(who: string | number, mood: Mood): number {
    this.#spoiled.add(String(who));
    writeFileSync(join(this.#home.folder, String(who)), mood);
    return performance.now();
  }

  freeze(pid: number): number {
    this.#stopped.add(pid);
    process.kill(pid, 'SIGSTOP');
    return performance.now();
  }

  /** Whatever was done to whomever. */
  async mendAll(): Promise<number> {
    for (const who of this.#spoiled) rmSync(join(this.#home.folder, who));
    this.#spoiled.clear();
    for (const pid of this.#stopped) process.kill(pid, 'SIGCONT');
    this.#stopped.clear();
    const mendedAt = performance.now();
    await this.ready();
    return mendedAt;
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    await super[Symbol.asyncDispose]();
    this.#home[Symbol.dispose]();
  }

  async ask(route: Route, withinMs?: number): Promise<Answer> {
    const headers: Record<string, string> =
      withinMs === undefined ? {} : { 'request-timeout': String(withinMs / 1_000) };
    const startedAt = performance.now();
    const answer = await fetch(`${this.#url}/${route}`, { headers }).then(
      async (response) => ({
        status: response.status,
        retryAfter: Number(response.headers.get('retry-after') ?? Number.NaN),
        body: await response.text(),
      }),
      (error: unknown) => ({ status: 0, retryAfter: Number.NaN, body: String(error) }),
    );
    const { status, retryAfter, body } = answer;
    const code = /"code":"(\w+)"/.exec(body)?.[1] ?? (status === 200 ? '' : body);
    const pid = Number(/pid\D+(\d+)/.exec(body)?.[1] ?? 0);
    return { route, startedAt, endedAt: performance.now(), status, code, retryAfter, pid };
  }
}

/** `median 3.1, worst 20.0 ms of 120` */
export function spread(values: readonly number[]): string {
  const sorted = values.toSorted((left, right) => left - right);
  const at = (part: number): string => (sorted[Math.floor((sorted.length - 1) * part)] ?? NaN).toFixed(1);
  return `median ${at(0.5)}, 99 % ${at(0.99)}, worst ${at(1)} ms of ${String(sorted.length)}`;
}

export const median = (values: readonly number[]): number =>
  values.toSorted((left, right) => left - right)[Math.floor((values.length - 1) / 2)] ?? Number.NaN;

export const tell = (t: TestContext, figures: Readonly<Record<string, string | number>>): void => {
  for (const [name, figure] of Object.entries(figures))
    t.diagnostic(`${t.name.slice(0, 32)} | ${name}: ${String(figure)}`);
};

/** By code. */
export const countsOf = (answers: readonly Answer[]): string =>
  JSON.stringify(
    Object.fromEntries(
      [...Map.groupBy(answers, ({ code }) => code)].map(([code, of]) => [
        code === '' ? 'well' : code,
        of.length,
      ]),
    ),
  );

export const shareOf = (answers: readonly Answer[], pid: number | null): number =>
  answers.filter((answer) => answer.pid === pid).length / answers.length;
