/** What both services say of jobs: the shape of one, and of a page of them. Whoever is asked, the answer comes from the store. */
import type { Job, Jobs, JobState } from 'tutti';
import { z } from 'zod';
import { modulus } from '../fibonacci.ts';
import { fibonacciQueue, N } from '../queue.ts';

const Status = z.enum(['pending', 'running', 'done', 'failed']);

/** Whole, from 1: jobs are numbered, and no number is ever used again. */
export const JobId = z.int().positive();

export const JobView = z.object({
  job_id: JobId,
  status: Status,
  input: N,
  output: z.int().nullable(),
  init_time: z.iso.datetime(),
  finished_time: z.iso.datetime().nullable(),
  mod: z.int(),
  description: z.string(),
});
export type JobView = z.infer<typeof JobView>;

export const PageInput = z.strictObject({
  status: Status.optional(),
  limit: z.int().min(1).max(250).default(100),
  /** The `job_id` of the last one of the page before. */
  cursor: JobId.optional(),
});

/** Nobody here cancels a job; the operator may. */
const statusOf = (state: JobState): JobView['status'] => (state === 'cancelled' ? 'failed' : state);

function viewOf(job: Job<{ readonly n: number }, number>): JobView {
  const { id, state, input, result, reason, addedAt, endedAt } = job;
  const what = `F(${String(input.n)}) modulo ${String(modulus)}`;
  return {
    job_id: Number(id),
    status: statusOf(state),
    input: input.n,
    output: result ?? null,
    init_time: addedAt.toISOString(),
    finished_time: endedAt?.toISOString() ?? null,
    mod: modulus,
    description: reason === undefined ? what : `${what}: ${reason}`,
  };
}

/** When this has resolved the job is on disk, whether a worker is there or not. */
export async function takeJob(jobs: Jobs, n: number): Promise<number> {
  const { id } = await jobs.add(fibonacciQueue, { n });
  return Number(id);
}

export async function findJob(jobs: Jobs, id: number): Promise<JobView | undefined> {
  const job = await jobs.get(fibonacciQueue, String(id));
  return job && viewOf(job);
}

export async function listJobs(jobs: Jobs, page: z.output<typeof PageInput>): Promise<JobView[]> {
  const { status, limit, cursor } = page;
  const afterId = cursor === undefined ? undefined : String(cursor);
  const { jobs: found } = await jobs.list(fibonacciQueue, { state: status, limit, afterId });
  return found.map(viewOf);
}
