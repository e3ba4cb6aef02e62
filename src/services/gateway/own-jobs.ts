/** The queues that a gateway shows, as routes of its own: which there are follows the manifest. */
import type { AppManifest } from '../../define/manifest.ts';
import type { SystemRuntime } from '../../mesh/runtime.ts';
import { storeOf } from '../../mesh/store-client.ts';
import { jobActionName, jobDeeds, jobsService, shownQueues } from './job-actions.ts';
import { JobDoor } from './job-door.ts';
import type { OwnActions, Perform } from './router.ts';

export interface OwnJobsConfig {
  readonly jobs?: readonly string[];
  /** Milliseconds. */
  readonly deadline: number;
}

/** Undefined: none is shown. */
export function ownJobs(
  { caller, clock, random }: SystemRuntime,
  { jobs = [], deadline: withinMs }: OwnJobsConfig,
): ((manifest: AppManifest) => OwnActions) | undefined {
  if (jobs.length === 0) return undefined;
  const door = new JobDoor(storeOf(caller, { clock, random, withinMs }));
  return (manifest) => {
    const queues = shownQueues(manifest, jobs);
    const performs = new Map<string, Perform>(
      [...queues].flatMap(([queue, schema]) =>
        jobDeeds.map((deed) => [
          jobActionName(queue, deed),
          (fields, about): Promise<Buffer> => door.do({ queue, schema, deed, fields, ...about }),
        ]),
      ),
    );
    return { service: jobsService(queues), perform: (action) => performs.get(action) };
  };
}
