/** FibonacciApi: takes jobs and tells what became of them. It needs no worker for either. */
import { defineService } from 'tutti';
import { z } from 'zod';
import { N } from '../queue.ts';
import { findJob, JobId, JobView, listJobs, PageInput, takeJob } from './job-requests.ts';

export default defineService({
  name: 'FibonacciApi',
  actions: (action) => ({
    take_job: action({
      http: 'POST /job/:n',
      summary: 'Take a job: the n-th number of the sequence',
      input: z.strictObject({ n: N }),
      output: z.object({ status: z.literal('taken'), job_id: JobId }),
      run: async ({ input, jobs }) => ({
        status: 'taken' as const,
        job_id: await takeJob(jobs, input.n),
      }),
    }),
    get_job: action({
      http: 'GET /job/:id',
      summary: 'One job',
      input: z.strictObject({ id: JobId }),
      output: JobView,
      idempotent: true,
      run: async ({ input, jobs, fail }) =>
        (await findJob(jobs, input.id)) ?? fail('NOT_FOUND', { what: `Job ${String(input.id)}` }),
    }),
    list_jobs: action({
      http: 'GET /list-all',
      summary: 'All jobs, page by page',
      input: PageInput,
      output: z.array(JobView),
      idempotent: true,
      run: ({ input, jobs }) => listJobs(jobs, input),
    }),
  }),
});
