import { defineService } from 'tutti';
import type { Jobs } from 'tutti';
import { z } from 'zod';
import { addAll, addSlowly, drainAll } from '../lib/jobs.ts';
import type { Adder } from '../lib/jobs.ts';
import { work } from './jobs-queue.ts';

/** A hundred bytes. */
const text = 'x'.repeat(80);
const Load = z.object({ count: z.int(), inFlight: z.int(), batch: z.int() });
const Count = z.object({ count: z.int() });

const timed = async (ask: () => Promise<unknown>): Promise<number> => {
  const began = performance.now();
  await ask();
  return performance.now() - began;
};

const adderOf = (jobs: Jobs): Adder => ({
  add: ([first = 0, ...more]) =>
    more.length === 0
      ? jobs.add(work, { at: first, text })
      : jobs.addMany(
          work,
          [first, ...more].map((at) => ({ input: { at, text } })),
        ),
  done: async () => (await jobs.counts(work)).done,
  resume: () => jobs.resume(work),
});

export default defineService({
  name: 'adder',
  actions: (action) => ({
    add: action({ input: Load, run: ({ input, jobs }) => addAll(adderOf(jobs), input) }),
    pause: action({ run: ({ jobs }) => jobs.pause(work) }),
    drain: action({ input: Count, run: ({ input, jobs }) => drainAll(adderOf(jobs), input.count) }),
    /** Stops when so many are done, with what is in hand by then. Gives how many that were. */
    some: action({
      input: Count,
      async run({ input, jobs }) {
        await drainAll(adderOf(jobs), input.count);
        await jobs.pause(work);
        for (;;) {
          const { running, done } = await jobs.counts(work);
          if (running === 0) return done;
        }
      },
    }),
    look: action({
      input: Count,
      async run({ input, jobs }) {
        const looks = { countsMs: [] as number[], pageMs: [] as number[], endsMs: [] as number[] };
        for (let look = 0; look < input.count; look += 1) {
          looks.countsMs.push(await timed(() => jobs.counts(work)));
          looks.pageMs.push(await timed(() => jobs.list(work, { state: 'pending' })));
          looks.endsMs.push(await timed(() => jobs.list(work, { state: 'done' })));
        }
        return looks;
      },
    }),
    latencies: action({
      input: Count,
      run: async ({ input, jobs }) => {
        const adder = adderOf(jobs);
        await addSlowly(adder, input.count, await adder.done());
      },
    }),
  }),
});
