/** Does what clients of a gateway ask of the queues it shows: asks the store of the app. */
import { bounds } from '../../core/bounds.ts';
import { TuttiError } from '../../core/errors.ts';
import { fittingPage } from '../../core/fitting-page.ts';
import {
  afterField,
  delayField,
  idField,
  jobIdField,
  limitField,
  priorityField,
  reasonField,
  stateField,
} from '../../core/job-fields.ts';
import type { Fields } from '../../core/job-fields.ts';
import { jobStates } from '../../core/job-view.ts';
import type { Clock } from '../../core/ports.ts';
import type { StoredJob } from '../../core/stored-job.ts';
import type { StoredSchedule } from '../../core/stored-schedule.ts';
import { misfits } from '../../define/fits-schema.ts';
import type { JsonSchema } from '../../define/schema.ts';
import type { CallContext } from '../../mesh/context.ts';
import { writeKept } from '../../mesh/kept-event.ts';
import type { ArrivedItem } from '../../mesh/item-inbox.ts';
import type { StoreClient } from '../../mesh/store-client.ts';
import type { Stream } from '../../mesh/stream-call.ts';
import type { AnsweredDeed, FollowedDeed } from './job-actions.ts';
import { followEvents } from './job-events.ts';
import { followJob } from './job-progress.ts';
import type { JobFollowing } from './job-progress.ts';
import { jobOf, scheduleOf } from './shown-job.ts';

export interface FollowRequest extends Pick<JobFollowing, 'queue' | 'gone' | 'deadlineMs'> {
  readonly deed: FollowedDeed;
  readonly fields: Fields;
}

/** One request. */
export interface JobRequest {
  readonly queue: string;
  readonly schema: JsonSchema;
  readonly deed: AnsweredDeed;
  readonly fields: Fields;
  /** Travels with the job to whoever does it. */
  readonly context: Partial<CallContext>;
  readonly deadlineMs: number;
}

const area = 'jobs';
const usualPage = 100;
export class JobDoor {
  readonly #store: StoreClient;
  readonly #clock: Clock;
  readonly #deeds: Readonly<Record<AnsweredDeed, (request: JobRequest) => Promise<unknown>>> = {
    add: (request) => this.#add(request),
    list: (request) => this.#list(request),
    counts: (request) => this.#query('counts', {}, request),
    schedules: (request) => this.#schedules(request),
    get: (request) => this.#get(request),
    cancel: (request) =>
      this.#change(request, {
        more: { reason: reasonField(request.fields) ?? 'It was cancelled by a client' },
        otherwise: 'has ended',
      }),
    retry: (request) => this.#change(request, { more: {}, otherwise: 'neither failed nor was it cancelled' }),
  };

  constructor(store: StoreClient, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /** @throws {TuttiError} `INVALID_INPUT`, `NOT_FOUND`, `CONFLICT`, and what the store says. */
  async do(request: JobRequest): Promise<Buffer> {
    return Buffer.from(JSON.stringify(await this.#deeds[request.deed](request)));
  }

  /** @throws {TuttiError} `INVALID_INPUT`, `NOT_FOUND`, `EVENTS_LOST`, and what the store says. */
  follow({ deed, fields, ...request }: FollowRequest): Promise<Stream<ArrivedItem>> {
    const following = { ...request, store: this.#store, clock: this.#clock };
    if (deed === 'events') return followEvents({ ...following, after: afterField(fields) });
    return followJob({ ...following, id: idField(fields) });
  }

  #query(name: string, more: object, { queue, deadlineMs }: JobRequest): Promise<unknown> {
    return this.#store.query({ area, name, input: { queue, ...more } }, deadlineMs);
  }

  async #add({ queue, schema, fields, context, deadlineMs }: JobRequest): Promise<unknown> {
    const input = fields['input'];
    if (input === undefined) throw unfit(queue, [{ path: 'input', message: 'is missing' }]);
    const issues = await misfits(schema, input);
    if (issues.length > 0)
      throw unfit(
        queue,
        issues.map(({ path, message }) => ({ path: path === '' ? 'input' : `input.${path}`, message })),
      );
    const limit = { what: `The input of a job of ${queue}`, limitBytes: bounds.jobInputBytes };
    const job = {
      ...{ id: jobIdField(fields), priority: priorityField(fields), delayMs: delayField(fields) },
      body: writeKept(input, context, limit),
    };
    const wish = { area, name: 'add', input: { queue, jobs: [job] } };
    const [added] = (await this.#store.mutate(wish, deadlineMs)) as [object];
    return added;
  }

  async #list(request: JobRequest): Promise<object> {
    const { fields } = request;
    const place = { state: stateField(fields, jobStates), after: afterField(fields) };
    const limit = fields['limit'] === undefined ? usualPage : limitField(fields);
    const page = await fittingPage(limit, (most) => this.#query('list', { ...place, limit: most }, request));
    const { jobs, next } = page as { readonly jobs: readonly StoredJob[]; readonly next?: string };
    return { jobs: jobs.map(jobOf), next };
  }

  async #schedules(request: JobRequest): Promise<object> {
    const rows = (await this.#query('schedules', {}, request)) as readonly StoredSchedule[];
    return { schedules: rows.map(scheduleOf) };
  }

  async #get(request: JobRequest): Promise<object> {
    const id = idField(request.fields);
    const row = (await this.#query('get', { id }, request)) as StoredJob | null | undefined;
    if (row === undefined || row === null)
      throw new TuttiError('NOT_FOUND', { what: `Job ${id} of ${request.queue}` });
    return jobOf(row);
  }

  /** Gives it as it is then. */
  async #change(
    request: JobRequest,
    { more, otherwise }: { readonly more: object; readonly otherwise: string },
  ): Promise<object> {
    const { queue, deed, fields, deadlineMs } = request;
    const id = idField(fields);
    const wish = { area, name: deed, input: { queue, id, ...more } };
    if ((await this.#store.mutate(wish, deadlineMs)) === null)
      throw new TuttiError('CONFLICT', { message: `Job ${id} of ${queue} ${otherwise}` });
    return this.#get(request);
  }
}

const unfit = (
  queue: string,
  issues: readonly { readonly path: string; readonly message: string }[],
): TuttiError =>
  new TuttiError('INVALID_INPUT', { message: `The job does not fit the queue ${queue}`, issues });
