/** One process of BullMQ in bench/jobs.ts, on Redis: see `lib/job-processes.ts`. Its defaults, which its guide to production leaves as they are. */
import { Queue, Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { answerAsAdder, answerAsWorker } from '../lib/job-role.ts';
import { bullmqAdder, bullmqHandler } from '../lib/bullmq-roles.ts';

const [role, port, concurrency] = process.argv.slice(2);
/** A worker waits on it for as long as it takes. */
const connection = new Redis(Number(port), '127.0.0.1', { maxRetriesPerRequest: null });

if (role === 'work') {
  const { latencies, handle } = bullmqHandler();
  await new Worker('work', handle, { connection, concurrency: Number(concurrency) }).waitUntilReady();
  answerAsWorker({ latencies });
} else {
  const queue = new Queue('work', { connection });
  await queue.waitUntilReady();
  answerAsAdder({ ...bullmqAdder(queue), done: () => queue.getCompletedCount() });
}
