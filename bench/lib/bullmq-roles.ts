/** What BullMQ does alike on Redis and on PostgreSQL in bench/jobs.ts. */
import type { AddingRole } from './job-role.ts';
import { text } from './job-role.ts';
import { sharedNow } from './jobs.ts';

interface Input {
  readonly at: number;
  readonly text: string;
}

interface BullmqQueue {
  add(name: string, input: Input): Promise<unknown>;
  addBulk(jobs: { name: string; data: Input }[]): Promise<unknown>;
  pause(): Promise<unknown>;
  resume(): Promise<unknown>;
}

export const bullmqAdder = (queue: BullmqQueue): Omit<AddingRole, 'done'> => ({
  add: ([first = 0, ...more]) =>
    more.length === 0
      ? queue.add('work', { at: first, text })
      : queue.addBulk([first, ...more].map((at) => ({ name: 'work', data: { at, text } }))),
  pause: () => queue.pause(),
  resume: () => queue.resume(),
});

export function bullmqHandler(): {
  readonly latencies: number[];
  readonly handle: (job: { data: Input }) => Promise<{ ok: boolean }>;
} {
  const latencies: number[] = [];
  return {
    latencies,
    handle: (job) => {
      if (job.data.at > 0) latencies.push(sharedNow() - job.data.at);
      return Promise.resolve({ ok: true });
    },
  };
}
