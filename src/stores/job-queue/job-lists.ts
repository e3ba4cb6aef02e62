/** What can be asked of jobs. A list is read in pages by what its last one was: what is added meanwhile moves nothing. */
import { bounds } from '../../core/bounds.ts';
import { TuttiError } from '../../core/errors.ts';
import type { StoreReader } from '../sqlite/area.ts';
import { ifSound } from '../sqlite/checksum.ts';
import { logOf } from './job-log.ts';
import type { LogRow } from './job-log.ts';
import { countsOf, findJob, findJobById, findJobs, jobOf, queueRow, states } from './job-table.ts';
import type { JobRow, NamedJob, StateName } from './job-table.ts';

export type Counts = Readonly<Record<StateName, number>>;

export interface QueueAbout {
  readonly queue: string;
  readonly isPaused: boolean;
  readonly counts: Counts;
}

export const get = (db: StoreReader, { queue, id }: NamedJob): JobRow | undefined =>
  findJobById(db, queue, id);

const noCounts: Counts = { waiting: 0, delayed: 0, running: 0, done: 0, failed: 0, cancelled: 0 };
const nameOf = (state: number): StateName =>
  (Object.keys(states) as StateName[]).find((name) => states[name] === state) ?? 'waiting';

export function counts(db: StoreReader, { queue }: { readonly queue: string }): Counts {
  const found = countsOf(db, queue);
  return { ...noCounts, ...Object.fromEntries([...found].map(([state, count]) => [nameOf(state), count])) };
}

/** Each queue that ever had a job, a worker, or was paused. */
export function queues(db: StoreReader): QueueAbout[] {
  const names = db.all('SELECT queue FROM job_queues UNION SELECT queue FROM job_counts ORDER BY queue');
  return names.map(({ queue }) => {
    const name = String(queue);
    return { queue: name, isPaused: queueRow(db, name).is_paused === 1, counts: counts(db, { queue: name }) };
  });
}

export const logs = (db: StoreReader, { queue, id }: NamedJob): LogRow[] =>
  logOf(db, jobOf(db, queue, id).seq);

/** Those that some owner of the store began: it may be one before this. A damaged row holds up none of them. */
export const running = (db: StoreReader, { queue }: { readonly queue: string }): JobRow[] =>
  db
    .all('SELECT seq FROM job_records WHERE queue = ? AND state = 2 ORDER BY seq', queue)
    .flatMap(({ seq }) => ifSound(() => findJob(db, 'seq = ?', Number(seq))) ?? []);

export interface ListInput {
  readonly queue: string;
  /** Undefined: all. */
  readonly state?: StateName | 'pending' | undefined;
  readonly after?: string | undefined;
  /** Behind this job. */
  readonly afterId?: string | undefined;
  readonly limit: number;
}

export interface ListOutput {
  readonly jobs: readonly JobRow[];
  readonly next: string | undefined;
}

/** A place in one of the lists: which list, and by what it is sorted. */
interface Order {
  readonly where: string;
  readonly sort: string;
  readonly behind: string;
  readonly placeOf: (job: JobRow) => readonly number[];
}

const ended = (state: number): Order => ({
  where: `state = ${String(state)}`,
  sort: 'ended DESC, seq DESC',
  behind: '(ended, seq) < (?, ?)',
  placeOf: ({ ended: at, seq }) => [at ?? 0, seq],
});

const orders: Readonly<Record<StateName | 'all', Order>> = {
  all: { where: '1', sort: 'seq DESC', behind: 'seq < ?', placeOf: ({ seq }) => [seq] },
  waiting: {
    where: 'state = 0',
    sort: 'priority DESC, place',
    behind: '(-priority, place) > (?, ?)',
    placeOf: ({ priority, place }) => [-priority, place],
  },
  delayed: {
    where: 'state = 1',
    sort: 'due, seq',
    behind: '(due, seq) > (?, ?)',
    placeOf: ({ due, seq }) => [due, seq],
  },
  running: { where: 'state = 2', sort: 'seq', behind: 'seq > ?', placeOf: ({ seq }) => [seq] },
  done: ended(states.done),
  failed: ended(states.failed),
  cancelled: ended(states.cancelled),
};

type ListName = keyof typeof orders;

interface ListPlace {
  readonly list: ListName;
  readonly place: readonly number[];
}

/** `waiting:-5,17`. @throws {TuttiError} `INVALID_INPUT`. */
function readPlace(after: string, lists: readonly ListName[]): ListPlace {
  const [, list, text = ''] = /^([a-z]+):((?:-?\d{1,16},?){1,2})$/.exec(after) ?? [];
  const known = lists.find((name) => name === list);
  const place = text.split(',').map(Number);
  if (known === undefined || place.length !== orders[known].behind.split('?').length - 1)
    throw new TuttiError('INVALID_INPUT', { message: 'This is no `next` of a page of this list' });
  return { list: known, place };
}

/** Where it is, or was while it was in this list: what was begun meanwhile keeps its place. */
function placeOf(job: JobRow, lists: readonly ListName[]): ListPlace {
  const [first = 'all', last = first] = lists;
  const list = job.state === states.delayed ? last : first;
  if (job.ended === null && (list === 'done' || list === 'failed' || list === 'cancelled'))
    throw new TuttiError('INVALID_INPUT', { message: `Job ${job.id} is not in this list` });
  return { list, place: orders[list].placeOf(job) };
}

/** Undefined: from the beginning. */
function startOf(
  db: StoreReader,
  { queue, after, afterId }: ListInput,
  lists: readonly ListName[],
): ListPlace | undefined {
  if (afterId !== undefined) return placeOf(jobOf(db, queue, afterId), lists);
  return after === undefined ? undefined : readPlace(after, lists);
}

/** Those that wait for their time come behind those that do not. */
const listsOf = (state: ListInput['state']): readonly ListName[] =>
  state === 'pending' ? ['waiting', 'delayed'] : [state ?? 'all'];

export function list(db: StoreReader, input: ListInput): ListOutput {
  const { queue, state, limit } = input;
  const lists = listsOf(state);
  const from = startOf(db, input, lists);
  const most = Math.min(limit, bounds.jobPage);
  const found: { job: JobRow; name: ListName }[] = [];
  for (const name of lists.slice(from === undefined ? 0 : lists.indexOf(from.list))) {
    const { where, sort, behind } = orders[name];
    const place = from?.list === name ? from.place : [];
    const rest = place.length === 0 ? '' : ` AND ${behind}`;
    const sql = `queue = ? AND ${where}${rest} ORDER BY ${sort} LIMIT ?`;
    for (const job of findJobs(db, sql, queue, ...place, most + 1 - found.length)) found.push({ job, name });
  }
  const page = found.slice(0, most);
  const last = page.at(-1);
  const next =
    last && found.length > most ? `${last.name}:${orders[last.name].placeOf(last.job).join(',')}` : undefined;
  return { jobs: page.map(({ job }) => job), next };
}
