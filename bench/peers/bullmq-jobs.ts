/** BullMQ in bench/jobs.ts, on a Redis of its own: in memory, or with its log synced at every write, which is what `on disk` means there. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { createConnection } from 'node:net';
import type { RunningJobs } from '../lib/jobs.ts';
import { answer, end, freePort, newFolder, startFile } from '../lib/spawn.ts';

const limitMs = 120_000;
const memory = ['--appendonly', 'no', '--save', ''];
const disk = ['--appendonly', 'yes', '--appendfsync', 'always', '--save', ''];

async function startRedis(isDurable: boolean): Promise<{ port: number; child: ChildProcess }> {
  const port = await freePort();
  const settings = ['--port', String(port), '--bind', '127.0.0.1', '--dir', newFolder()];
  const child = spawn('redis-server', [...settings, ...(isDurable ? disk : memory)], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  for (let tries = 0; tries < 100; tries += 1) {
    const socket = createConnection({ host: '127.0.0.1', port });
    const isOpen = await once(socket, 'connect').then(
      () => true,
      () => false,
    );
    socket.destroy();
    if (isOpen) return { port, child };
    await delay(50);
  }
  throw new Error('redis-server does not answer');
}

export async function startBullmq(
  workers: number,
  concurrency: number,
  isDurable: boolean,
): Promise<RunningJobs> {
  const redis = await startRedis(isDurable);
  const start = async (role: string): Promise<ChildProcess> => {
    const child = startFile('peers/bullmq-role.ts', [role, String(redis.port), String(concurrency)]);
    await answer(child);
    return child;
  };
  const started: ChildProcess[] = [];
  try {
    for (const role of ['add', ...Array.from({ length: workers }, () => 'work')])
      started.push(await start(role));
  } catch (error) {
    await Promise.all([...started, redis.child].map((child) => end(child)));
    throw error;
  }
  const [adder, ...working] = started as [ChildProcess, ...ChildProcess[]];
  const all = [redis.child, ...started];
  const ask = async (child: ChildProcess, wish: object): Promise<unknown> => {
    child.send(wish);
    return answer(child, limitMs);
  };
  return {
    pids: () => Promise.resolve(all.map(({ pid }) => pid ?? 0)),
    add: (load) => ask(adder, { what: 'add', load }) as Promise<number>,
    pause: async () => void (await ask(adder, { what: 'pause' })),
    drain: (count) => ask(adder, { what: 'drain', count }) as Promise<number>,
    latencies: async (count) => {
      await ask(adder, { what: 'latencies', count });
      return (await Promise.all(working.map((child) => ask(child, {})))).flat() as number[];
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([...working, adder].map((child) => end(child)));
      await end(redis.child);
    },
  };
}
