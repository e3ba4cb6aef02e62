/** The queues that a gateway shows, as routes of its own: which there are follows the manifest. */
import type { AppManifest } from '../../define/manifest.ts';
import type { SystemRuntime } from '../../mesh/runtime.ts';
import { storeOf } from '../../mesh/store-client.ts';
import type { JsonSchema } from '../../define/schema.ts';
import { answeredDeeds, jobActionName, jobsService, shownQueues } from './job-actions.ts';
import { JobDoor } from './job-door.ts';
import type { Follow, OwnActions, Perform } from './router.ts';

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
  const door = new JobDoor(storeOf(caller, { clock, random, withinMs }), clock);
  return (manifest) => {
    const queues = shownQueues(manifest, jobs);
    return { service: jobsService(queues), perform: performs(door, queues), follow: follows(door, queues) };
  };
}

function performs(door: JobDoor, queues: ReadonlyMap<string, JsonSchema>): OwnActions['perform'] {
  const found = new Map<string, Perform>(
    [...queues].flatMap(([queue, schema]) =>
      answeredDeeds.map((deed) => [
        jobActionName(queue, deed),
        (fields, about): Promise<Buffer> => door.do({ queue, schema, deed, fields, ...about }),
      ]),
    ),
  );
  return (action) => found.get(action);
}

function follows(door: JobDoor, queues: ReadonlyMap<string, JsonSchema>): OwnActions['follow'] {
  const found = new Map<string, Follow>(
    [...queues.keys()].map((queue) => [
      jobActionName(queue, 'progress'),
      (fields, about) => door.follow({ queue, fields, ...about }),
    ]),
  );
  return (action) => found.get(action);
}
