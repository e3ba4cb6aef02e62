/** What a gateway does with the queues it shows, described like the actions of a service: the router and the OpenAPI document read it as they read all others. Pure. */
import { bounds } from '../../core/bounds.ts';
import { jobEventTypes } from '../../core/job-events.ts';
import { jobStates } from '../../core/job-view.ts';
import { missedPolicies, overlapPolicies } from '../../core/schedule.ts';
import { highestPriority } from '../../core/waiting-line.ts';
import type {
  ActionManifest,
  AppManifest,
  RouteManifest,
  ServiceManifest,
  StreamManifest,
} from '../../define/manifest.ts';
import type { JsonSchema } from '../../define/schema.ts';

/** Those that end with one answer. */
export const answeredDeeds = ['add', 'list', 'counts', 'schedules', 'get', 'cancel', 'retry'] as const;
export type AnsweredDeed = (typeof answeredDeeds)[number];
/** Those that go on. */
export const followedDeeds = ['progress', 'events'] as const;
export type FollowedDeed = (typeof followedDeeds)[number];
const jobDeeds = [...answeredDeeds, ...followedDeeds] as const;
type JobDeed = (typeof jobDeeds)[number];

const text = { type: 'string' };
const whole = { type: 'integer', minimum: 0 };
const moment = { type: 'string', format: 'date-time' };
const id = { type: 'string', minLength: 1, maxLength: bounds.jobIdChars };
const state = { enum: jobStates };

const objectOf = (properties: Record<string, unknown>, optional: readonly string[] = []): JsonSchema => ({
  type: 'object',
  properties,
  required: Object.keys(properties).filter((name) => !optional.includes(name)),
  additionalProperties: false,
});

const countsSchema = objectOf({
  ...{ waiting: whole, delayed: whole, running: whole, done: whole, failed: whole, cancelled: whole },
});

const jobOptional = ['progress', 'result', 'reason', 'dueAt', 'startedAt', 'endedAt'];
const jobProperties = {
  ...{ id, queue: text, state, priority: whole, attempts: whole, progress: {}, result: {} },
  ...{ reason: text, addedAt: moment, dueAt: moment, startedAt: moment, endedAt: moment },
};
const jobSchema = (input: JsonSchema): JsonSchema => objectOf({ ...jobProperties, input }, jobOptional);
const changedJobSchema = objectOf(jobProperties, jobOptional);

const eventSchema = objectOf(
  {
    ...{ cursor: text, type: { enum: [...jobEventTypes, 'following'] }, at: moment, id, attempts: whole },
    ...{ reason: text, progress: {} },
  },
  ['id', 'attempts', 'reason', 'progress'],
);

const scheduleSchema = (input: JsonSchema): JsonSchema =>
  objectOf(
    {
      ...{ name: text, cron: text, everyMs: whole, timeZone: text, missed: { enum: missedPolicies } },
      ...{ overlap: { enum: overlapPolicies }, input, nextAt: moment, lastAt: moment },
    },
    ['cron', 'everyMs', 'timeZone', 'nextAt', 'lastAt'],
  );

/** References of a schema are from its root: inside of another one it is a definition of that. */
function nested(inner: JsonSchema, outer: (inner: JsonSchema) => JsonSchema): JsonSchema {
  const { $defs = {}, ...own } = inner as JsonSchema & { readonly $defs?: Record<string, unknown> };
  let name = 'Input';
  while (Object.hasOwn($defs, name)) name += '_';
  const reference = `#/$defs/${name}`;
  const moved = JSON.parse(
    JSON.stringify({ ...$defs, [name]: own }, (key, value: unknown) =>
      key === '$ref' && value === '#' ? reference : value,
    ),
  ) as Record<string, unknown>;
  return { ...outer({ $ref: reference }), $defs: moved };
}

const addSchema = (input: JsonSchema): JsonSchema =>
  nested(input, (own) =>
    objectOf({ input: own, jobId: id, priority: { ...whole, maximum: highestPriority }, delayMs: whole }, [
      'jobId',
      'priority',
      'delayMs',
    ]),
  );

const listSchema = objectOf(
  { state, limit: { type: 'integer', minimum: 1, maximum: bounds.jobPage }, after: text },
  ['state', 'limit', 'after'],
);

interface Deed {
  readonly http: Pick<RouteManifest, 'method' | 'path' | 'status' | 'resume'>;
  readonly summary: string;
  readonly input: JsonSchema;
  readonly output?: JsonSchema;
  readonly stream?: StreamManifest;
}

function deedsOf(queue: string, input: JsonSchema): Readonly<Record<JobDeed, Deed>> {
  const path = `/jobs/${queue}`;
  const one = { method: 'GET', path: `${path}/:id`, status: 200 } as const;
  const job = nested(input, jobSchema);
  return {
    add: {
      http: { method: 'POST', path, status: 202 },
      summary: `Add a job to ${queue}: it is stored before the answer, and done later`,
      input: addSchema(input),
      output: objectOf({ id, added: { type: 'boolean' } }),
    },
    list: {
      http: { method: 'GET', path, status: 200 },
      summary: `Jobs of ${queue}, page by page`,
      input: listSchema,
      output: nested(input, (own) =>
        objectOf({ jobs: { type: 'array', items: jobSchema(own) }, next: text }, ['next']),
      ),
    },
    counts: {
      http: { method: 'GET', path: `${path}/counts`, status: 200 },
      summary: `How many jobs ${queue} has, by state`,
      input: objectOf({}),
      output: countsSchema,
    },
    schedules: {
      http: { method: 'GET', path: `${path}/schedules`, status: 200 },
      summary: `What is added to ${queue} again and again, by name`,
      input: objectOf({}),
      output: nested(input, (own) => objectOf({ schedules: { type: 'array', items: scheduleSchema(own) } })),
    },
    events: {
      http: { method: 'GET', path: `${path}/events`, status: 200, resume: 'after' },
      summary: `What happens to the jobs of ${queue}, in order, from now on or behind a cursor`,
      input: objectOf({ after: text }, ['after']),
      stream: { yields: eventSchema },
    },
    progress: {
      http: { ...one, path: `${path}/:id/progress` },
      summary: `A job of ${queue} as it is now, then as it is after each change, until it has ended`,
      input: objectOf({ id }),
      stream: { yields: changedJobSchema },
    },
    get: { http: one, summary: `A job of ${queue}`, input: objectOf({ id }), output: job },
    cancel: {
      http: { ...one, method: 'DELETE' },
      summary: `Cancel a job of ${queue} that is pending or running`,
      input: objectOf({ id, reason: text }, ['reason']),
      output: job,
    },
    retry: {
      http: { method: 'POST', path: `${path}/:id/retry`, status: 200 },
      summary: `Have a job of ${queue} that failed or was cancelled begun once more`,
      input: objectOf({ id }),
      output: job,
    },
  };
}

/** Only to add, and to have something begun once more, is another thing the second time. */
const onceOnly: ReadonlySet<JobDeed> = new Set(['add', 'retry']);

const actionOf = (deed: JobDeed, described: Deed): ActionManifest => ({
  ...described,
  idempotent: !onceOnly.has(deed),
  concurrency: bounds.actionConcurrency,
  hash: '',
});

/** The schema of each queue that is shown and has a worker in the app. */
export function shownQueues(
  { services }: AppManifest,
  queues: readonly string[],
): ReadonlyMap<string, JsonSchema> {
  const workers = Object.values(services).flatMap((service) => Object.entries(service.queues ?? {}));
  return new Map(
    workers.filter(([queue]) => queues.includes(queue)).map(([queue, { input }]) => [queue, input] as const),
  );
}

/** `mail.add`. No service of a user has an action with such a name. */
export const jobActionName = (queue: string, deed: JobDeed): string => `${queue}.${deed}`;

/** @param queues by name, with the schema of their input. */
export function jobsService(queues: ReadonlyMap<string, JsonSchema>): ServiceManifest {
  const actions = [...queues].flatMap(([queue, input]) =>
    jobDeeds.map(
      (deed) => [jobActionName(queue, deed), actionOf(deed, deedsOf(queue, input)[deed])] as const,
    ),
  );
  return {
    ...{ name: 'gateway.jobs', version: '0.1.0', needs: [], mayCall: [], errors: {}, events: {}, hash: '' },
    actions: Object.fromEntries(actions),
  };
}
