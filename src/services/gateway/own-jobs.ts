/** The queues that a gateway shows, as routes of its own: which there are follows the manifest. */
import { suggestion } from '../../core/did-you-mean.ts';
import { TuttiError } from '../../core/errors.ts';
import type { Fields } from '../../core/job-fields.ts';
import { shown } from '../../core/options.ts';
import type { AppManifest } from '../../define/manifest.ts';
import type { JsonSchema } from '../../define/schema.ts';
import type { SystemRuntime } from '../../mesh/runtime.ts';
import { storeOf } from '../../mesh/store-client.ts';
import { answeredDeeds, followedDeeds, jobActionName, jobsService, shownQueues } from './job-actions.ts';
import { JobDoor } from './job-door.ts';
import type { Follow, OwnActions, Perform } from './router.ts';

export interface OwnJobsConfig {
  readonly jobs?: readonly string[];
  /** Milliseconds. */
  readonly deadline: number;
}

/** Longer than the name of any field. */
const mostChars = 100;

/** What a client means by a field that is not heard would not happen, and nobody would say so. @throws {TuttiError} `INVALID_INPUT`. */
function refuseUnknown(fields: Fields, known: readonly string[]): void {
  // The first alone: a body may have very many.
  const stranger = Object.keys(fields).find((name) => !known.includes(name));
  if (stranger === undefined) return;
  const name = stranger.slice(0, mostChars);
  const message = `unknown field ${shown(name)}${suggestion(name, known)}`;
  throw new TuttiError('INVALID_INPUT', { message, issues: [{ path: name, message }] });
}

const namesOf = (schema: JsonSchema | undefined): readonly string[] =>
  Object.keys((schema as { readonly properties?: object } | undefined)?.properties ?? {});

/** Undefined: none is shown. */
export function ownJobs(
  { caller, clock, random }: SystemRuntime,
  { jobs = [], deadline: withinMs }: OwnJobsConfig,
): ((manifest: AppManifest) => OwnActions) | undefined {
  if (jobs.length === 0) return undefined;
  const door = new JobDoor(storeOf(caller, { clock, random, withinMs }), clock);
  return (manifest) => {
    const queues = shownQueues(manifest, jobs);
    const service = jobsService(queues);
    const known = (action: string): readonly string[] => namesOf(service.actions[action]?.input);
    return { service, perform: performs(door, queues, known), follow: follows(door, queues, known) };
  };
}

type Known = (action: string) => readonly string[];

function performs(
  door: JobDoor,
  queues: ReadonlyMap<string, JsonSchema>,
  known: Known,
): OwnActions['perform'] {
  const found = new Map<string, Perform>(
    [...queues].flatMap(([queue, schema]) =>
      answeredDeeds.map((deed) => {
        const action = jobActionName(queue, deed);
        const names = known(action);
        const perform: Perform = async (fields, about) => {
          refuseUnknown(fields, names);
          return door.do({ queue, schema, deed, fields, ...about });
        };
        return [action, perform];
      }),
    ),
  );
  return (action) => found.get(action);
}

function follows(door: JobDoor, queues: ReadonlyMap<string, JsonSchema>, known: Known): OwnActions['follow'] {
  const found = new Map<string, Follow>(
    [...queues.keys()].flatMap((queue) =>
      followedDeeds.map((deed) => {
        const action = jobActionName(queue, deed);
        const names = known(action);
        const follow: Follow = (fields, about) => {
          refuseUnknown(fields, names);
          return door.follow({ queue, deed, fields, ...about });
        };
        return [action, follow];
      }),
    ),
  );
  return (action) => found.get(action);
}
