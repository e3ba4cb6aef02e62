/** One process of BullMQ: `node bullmq-role.ts <add|work> <port of Redis> <concurrency>`; asked over Node's child channel. */
import { Queue, Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { addAll, addSlowly, drainAll, sharedNow } from '../lib/jobs.ts';
import type { AddLoad, Adder } from '../lib/jobs.ts';

const [role, port, concurrency] = process.argv.slice(2);
/** A worker waits on it for as long as it takes. */
const connection = new Redis(Number(port), '127.0.0.1', { maxRetriesPerRequest: null });
const say = (message: unknown): void => void process.send?.(message);

async function work(): Promise<void> {
  const latencies: number[] = [];
  const handle = (job: { data: { at: number } }): Promise<{ ok: boolean }> => {
    if (job.data.at > 0) latencies.push(sharedNow() - job.data.at);
    return Promise.resolve({ ok: true });
  };
  const worker = new Worker('work', handle, { connection, concurrency: Number(concurrency) });
  await worker.waitUntilReady();
  process.on('message', () => {
    say(latencies.splice(0));
  });
}

interface Wish {
  readonly what: 'add' | 'pause' | 'drain' | 'latencies';
  readonly load?: AddLoad;
  readonly count?: number;
}

async function add(): Promise<void> {
  const queue = new Queue('work', { connection });
  await queue.waitUntilReady();
  const adder: Adder = {
    add: ([first = 0, ...more]) =>
      more.length === 0
        ? queue.add('work', { at: first, text: payload })
        : queue.addBulk([first, ...more].map((at) => ({ name: 'work', data: { at, text: payload } }))),
    done: () => queue.getCompletedCount(),
    resume: () => queue.resume(),
  };
  const deeds: Record<Wish['what'], (wish: Wish) => Promise<unknown>> = {
    add: ({ load }) => (load === undefined ? Promise.resolve() : addAll(adder, load)),
    pause: () => queue.pause(),
    drain: ({ count = 0 }) => drainAll(adder, count),
    latencies: async ({ count = 0 }) => addSlowly(adder, count, await adder.done()),
  };
  process.on('message', (wish: Wish) => {
    deeds[wish.what](wish).then(
      (answer) => {
        say(answer ?? 'done');
      },
      (error: unknown) => {
        throw error;
      },
    );
  });
}

/** A hundred bytes. */
const payload = 'x'.repeat(80);

await (role === 'work' ? work() : add());
process.on('disconnect', () => process.exit());
say('ready');
