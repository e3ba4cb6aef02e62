/** The admin API of jobs: what is asked for goes to the store of the app as the operator's questions and changes. A change that is about many touches a page of them. */
import { bounds } from '../../core/bounds.ts';
import { suggestion } from '../../core/did-you-mean.ts';
import { TuttiError } from '../../core/errors.ts';
import { fittingPage } from '../../core/fitting-page.ts';
import { endedStates, jobStates } from '../../core/job-view.ts';
import type { JobDetail, JobListView, JobLogView, QueueView, ScheduleView } from '../../core/job-view.ts';
import { viewOf } from '../../core/stored-job.ts';
import type { StoredJob } from '../../core/stored-job.ts';
import { scheduleViewOf } from '../../core/stored-schedule.ts';
import type { StoredSchedule } from '../../core/stored-schedule.ts';
import { writeKept } from '../../mesh/kept-event.ts';
import type { AdminRequest, AdminRoute } from './admin-server.ts';
import {
  afterField,
  delayField,
  idField,
  jobIdField,
  limitField,
  olderField,
  priorityField,
  queueField,
  reasonField,
  requestIdField,
  scheduleField,
  stateField,
} from '../../core/job-fields.ts';
import type { Fields } from '../../core/job-fields.ts';
import type { Operator } from './operator.ts';
import type { RunningApp } from './running-app.ts';

export interface JobRouteNeeds {
  readonly app: Pick<RunningApp, 'plan' | 'status'>;
  readonly operator: Pick<Operator, 'storeClient'>;
}

const area = 'jobs';
class JobAsks {
  readonly #needs: JobRouteNeeds;

  constructor(needs: JobRouteNeeds) {
    this.#needs = needs;
  }

  ask(name: string, input: object = {}): Promise<unknown> {
    return this.#needs.operator.storeClient().query({ area, name, input });
  }

  change(name: string, input: object): Promise<unknown> {
    return this.#needs.operator.storeClient().mutate({ area, name, input });
  }

  /** By queue: the service that does its jobs. */
  workers(): ReadonlyMap<string, string> {
    const services = Object.values(this.#needs.app.plan.manifest.services);
    return new Map(
      services.flatMap(({ name, queues = {} }) => Object.keys(queues).map((queue) => [queue, name] as const)),
    );
  }

  async queues(): Promise<QueueView[]> {
    const stored = (await this.ask('queues')) as Omit<QueueView, 'worker'>[];
    const workers = this.workers();
    const { services } = this.#needs.app.status();
    const workerOf = (queue: string): QueueView['worker'] => {
      const service = workers.get(queue);
      if (service === undefined) return null;
      return { service, ready: services.find(({ name }) => name === service)?.ready ?? 0 };
    };
    return stored.map((one) => ({ ...one, worker: workerOf(one.queue) }));
  }

  /** @throws {TuttiError} `NOT_FOUND` with what was probably meant: who types a name must not make a queue of it. */
  async known(fields: Fields): Promise<{ readonly queue: string }> {
    const queue = queueField(fields);
    const workers = this.workers();
    if (workers.has(queue)) return { queue };
    const names = ((await this.ask('queues')) as QueueView[]).map((one) => one.queue);
    if (names.includes(queue)) return { queue };
    throw unknownQueue(queue, [...new Set([...workers.keys(), ...names])]);
  }

  async job(fields: Fields): Promise<{ readonly queue: string; readonly id: string }> {
    return { ...(await this.known(fields)), id: idField(fields) };
  }
}

/** More of them are no help. */
const mostNames = 20;

function unknownQueue(queue: string, names: readonly string[]): TuttiError {
  const all = names.length === 0 ? '; there is none' : `; there are ${names.slice(0, mostNames).join(', ')}`;
  return new TuttiError('NOT_FOUND', {
    message: `There is no queue ${queue}${suggestion(queue, names) || all}`,
  });
}

async function oneQueue(asks: JobAsks, fields: Fields): Promise<QueueView> {
  const { queue } = await asks.known(fields);
  const found = (await asks.queues()).find((one) => one.queue === queue);
  // Known by the manifest alone: the store has not heard of it yet.
  if (found === undefined) throw new TuttiError('NOT_FOUND', { what: `The queue ${queue} of the store` });
  return found;
}

async function listJobs(asks: JobAsks, fields: Fields): Promise<JobListView> {
  const place = {
    ...(await asks.known(fields)),
    state: stateField(fields, jobStates),
    after: afterField(fields),
  };
  const page = await fittingPage(limitField(fields), (limit) => asks.ask('list', { ...place, limit }));
  const { jobs, next } = page as { readonly jobs: readonly StoredJob[]; readonly next?: string };
  return { jobs: jobs.map(viewOf), next: next ?? null };
}

async function oneJob(asks: JobAsks, fields: Fields): Promise<JobDetail> {
  const named = await asks.job(fields);
  const row = (await asks.ask('get', named)) as StoredJob | null | undefined;
  if (row === undefined || row === null)
    throw new TuttiError('NOT_FOUND', { what: `Job ${named.id} of ${named.queue}` });
  const log = (await asks.ask('logs', named)) as readonly JobLogView[];
  return { ...viewOf(row), log: log.map(({ number, at, text }) => ({ number, at, text })) };
}

async function listSchedules(asks: JobAsks, fields: Fields): Promise<ScheduleView[]> {
  const rows = (await asks.ask('schedules', await asks.known(fields))) as StoredSchedule[];
  return rows.map(scheduleViewOf);
}

async function unschedule(asks: JobAsks, { body }: AdminRequest): Promise<object> {
  const name = scheduleField(body);
  return { changed: await asks.change('unschedule', { ...(await asks.known(body)), name }) };
}

async function addJob(asks: JobAsks, { body: fields }: AdminRequest): Promise<object> {
  const { queue } = await asks.known(fields);
  const limit = { what: `The input of a job of ${queue}`, limitBytes: bounds.jobInputBytes };
  const requestId = requestIdField(fields);
  const job = {
    ...{ id: jobIdField(fields), priority: priorityField(fields), delayMs: delayField(fields) },
    body: writeKept(fields['input'], requestId === undefined ? {} : { requestId }, limit),
  };
  const [added] = (await asks.change('add', { queue, jobs: [job] })) as [object];
  return added;
}

/** `changed: false`: it was in no state for it. */
const changeOne =
  (asks: JobAsks, name: string, more: (fields: Fields) => object = () => ({})) =>
  async ({ body }: AdminRequest): Promise<object> => {
    const answer = await asks.change(name, { ...(await asks.job(body)), ...more(body) });
    return { changed: answer !== null };
  };

const pause =
  (asks: JobAsks, isPaused: boolean) =>
  async ({ body }: AdminRequest): Promise<object> => {
    await asks.change('pause', { ...(await asks.known(body)), isPaused });
    return { isPaused };
  };

/** `isAll: false`: there may be more, to be asked for by another request. */
const changePage =
  (asks: JobAsks, name: string, more: (fields: Fields) => object = () => ({})) =>
  async ({ body }: AdminRequest): Promise<object> => {
    const answer = await asks.change(name, { ...(await asks.known(body)), ...more(body) });
    const count = Array.isArray(answer) ? answer.length : (answer as number);
    return { count, isAll: count < bounds.jobPage };
  };

const cancelWish = (fields: Fields): object => ({
  reason: reasonField(fields) ?? 'It was cancelled by the operator',
});

function cleanWish(fields: Fields): object {
  const state = stateField(fields, endedStates);
  if (state === undefined) throw new TuttiError('INVALID_INPUT', { message: 'state is missing' });
  return { state, olderThanMs: olderField(fields) };
}

export function jobRoutes(needs: JobRouteNeeds): Record<string, AdminRoute> {
  const asks = new JobAsks(needs);
  const answer = (run: (request: AdminRequest) => unknown): AdminRoute => ({ kind: 'answer', run });
  const asked = (run: (asks: JobAsks, fields: Fields) => unknown): AdminRoute =>
    answer(({ query }) => run(asks, Object.fromEntries(query)));
  return {
    'GET /jobs': answer(() => asks.queues()),
    'GET /jobs/queue': asked(oneQueue),
    'GET /jobs/list': asked(listJobs),
    'GET /jobs/job': asked(oneJob),
    'GET /jobs/schedules': asked(listSchedules),
    'POST /jobs/unschedule': answer((request) => unschedule(asks, request)),
    'POST /jobs/add': answer((request) => addJob(asks, request)),
    'POST /jobs/cancel': answer(changeOne(asks, 'cancel', cancelWish)),
    'POST /jobs/retry': answer(changeOne(asks, 'retry')),
    'POST /jobs/promote': answer(changeOne(asks, 'promote')),
    'POST /jobs/remove': answer(changeOne(asks, 'remove')),
    'POST /jobs/pause': answer(pause(asks, true)),
    'POST /jobs/resume': answer(pause(asks, false)),
    'POST /jobs/drain': answer(changePage(asks, 'drain')),
    'POST /jobs/redrive': answer(changePage(asks, 'redrive')),
    'POST /jobs/clean': answer(changePage(asks, 'clean', cleanWish)),
  };
}
