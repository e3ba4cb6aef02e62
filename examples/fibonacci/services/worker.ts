/** FibonacciWorker: does the jobs, in as many processes as one wants, and can be asked itself. */
import { setTimeout as pause } from 'node:timers/promises';
import { defineService } from 'tutti';
import { z } from 'zod';
import { fibonacci } from '../fibonacci.ts';
import { fibonacciQueue, N } from '../queue.ts';
import { findJob, JobId, JobView, listJobs, PageInput, takeJob } from './job-requests.ts';

export default defineService({
  name: 'FibonacciWorker',
  /** How work is made to look: what it takes, and one in how many fails; 0: none. */
  config: z.strictObject({ delayMs: z.int().min(0), failOneIn: z.int().min(0) }),
  open: ({ config }) => config,
  actions: (action) => ({
    take_job: action({
      http: 'POST /process',
      summary: 'Take a job: the n-th number of the sequence',
      input: z.strictObject({ n: N }),
      output: z.object({ taken: z.literal(true), job_id: JobId }),
      run: async ({ input, jobs }) => ({ taken: true as const, job_id: await takeJob(jobs, input.n) }),
    }),
    get_job: action({
      // With a limit of its own a GET takes a body too: `{"id":1}` may come there or in the address.
      http: { route: 'GET /info', bodyLimit: 1_024 },
      summary: 'One job',
      input: z.strictObject({ id: JobId }),
      output: JobView,
      idempotent: true,
      run: async ({ input, jobs, fail }) =>
        (await findJob(jobs, input.id)) ?? fail('NOT_FOUND', { what: `Job ${String(input.id)}` }),
    }),
    list_jobs: action({
      http: 'GET /all',
      summary: 'All jobs, page by page',
      input: PageInput,
      output: z.array(JobView),
      idempotent: true,
      run: ({ input, jobs }) => listJobs(jobs, input),
    }),
  }),
  queues: (worker) => ({
    fibonacci: worker(fibonacciQueue, { concurrency: 10 }, async ({ input, job, parts, signal }) => {
      const { delayMs, failOneIn } = parts;
      await pause(delayMs, undefined, { signal });
      if (failOneIn > 0 && Math.random() * failOneIn < 1) job.giveUp('failed at random, as it was asked to');
      return fibonacci(input.n);
    }),
  }),
});
