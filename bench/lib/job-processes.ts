/** The processes of a peer of bench/jobs.ts: one that adds, some that work, and the server that keeps, which is started before them. */
import type { ChildProcess } from 'node:child_process';
import type { RunningJobs } from './jobs.ts';
import { cpuUs } from './proc.ts';
import { answer, end, startFile } from './spawn.ts';

/** Whoever keeps the jobs. */
export interface RunningServer extends AsyncDisposable {
  /** What programs of the peer connect to. */
  readonly address: string;
  /** Of all its processes, since they were started. */
  cpuUs(): number;
}

interface JobProcesses {
  readonly server: RunningServer;
  /** A program: `node <file> <add|work> <address> <concurrency>`. */
  readonly file: string;
  readonly workers: number;
  readonly concurrency: number;
}

const limitMs = 240_000;

async function ask(child: ChildProcess, wish: object): Promise<unknown> {
  child.send(wish);
  return answer(child, limitMs);
}

const askAll = (children: readonly ChildProcess[], what: string): Promise<unknown[]> =>
  Promise.all(children.map((child) => ask(child, { what })));

async function endAll(children: readonly ChildProcess[], server: RunningServer): Promise<void> {
  await Promise.all(children.map((child) => end(child)));
  await server[Symbol.asyncDispose]();
}

async function startAll({ server, file, workers, concurrency }: JobProcesses): Promise<ChildProcess[]> {
  const started: ChildProcess[] = [];
  const start = (role: string): Promise<unknown> => {
    const child = startFile(file, [role, server.address, String(concurrency)]);
    started.push(child);
    return answer(child);
  };
  try {
    // It lays out what the others work on.
    await start('add');
    await Promise.all(Array.from({ length: workers }, () => start('work')));
    return started;
  } catch (error) {
    await endAll(started, server);
    throw error;
  }
}

export async function startJobProcesses(wanted: JobProcesses): Promise<RunningJobs> {
  const { server } = wanted;
  const started = await startAll(wanted);
  const [adder, ...working] = started as [ChildProcess, ...ChildProcess[]];
  const pids = started.map(({ pid }) => pid ?? 0);
  return {
    meter: () => Promise.resolve(() => cpuUs(pids) + server.cpuUs()),
    add: (load) => ask(adder, { what: 'add', load }) as Promise<number>,
    pause: async () => {
      await ask(adder, { what: 'pause' });
      await askAll(working, 'stop');
    },
    drain: async (count) => {
      const began = performance.now();
      await askAll(working, 'begin');
      await ask(adder, { what: 'drain', count });
      return performance.now() - began;
    },
    latencies: async (count) => {
      await ask(adder, { what: 'latencies', count });
      return (await askAll(working, 'latencies')).flat() as number[];
    },
    [Symbol.asyncDispose]: () => endAll(started, server),
  };
}
