/** The schedules of `jobs`: a job is added at each tick by the owner of the store, whoever asked for it and whoever lives. */
import { bounds } from '../core/bounds.ts';
import { isTuttiError } from '../core/errors.ts';
import { isPlainObject, problemText, shown, unknownKeys } from '../core/options.ts';
import { missedPolicies, overlapPolicies } from '../core/schedule.ts';
import type { MissedPolicy, OverlapPolicy } from '../core/schedule.ts';
import type { Schedule, ScheduleOptions } from '../define/jobs.ts';
import type { Queue } from '../define/queue.ts';
import { readKept } from '../mesh/kept-event.ts';
import type { StoreClient } from '../mesh/store-client.ts';
import { checkedText, checkedWhole, invalid, longestMs, nameOf, scheduleBodyOf } from './job-checks.ts';

const area = 'jobs';
const optionNames = ['cron', 'everyMs', 'timeZone', 'missed', 'overlap'];

/** As the store has it; see `stores/job-queue/schedules`. */
interface ScheduleRow {
  readonly queue: string;
  readonly name: string;
  readonly cron: string | null;
  readonly every_ms: number | null;
  readonly time_zone: string | null;
  readonly missed: MissedPolicy;
  readonly overlap: OverlapPolicy;
  readonly body: string;
  readonly next_at: number | null;
  readonly last_at: number | null;
}

const dateOf = (at: number | null): Date | undefined => (at === null ? undefined : new Date(at));

const scheduleOf = (row: ScheduleRow): Schedule => ({
  queue: row.queue,
  name: row.name,
  cron: row.cron ?? undefined,
  everyMs: row.every_ms ?? undefined,
  timeZone: row.time_zone ?? undefined,
  missed: row.missed,
  overlap: row.overlap,
  input: readKept(row.body).payload,
  nextAt: dateOf(row.next_at),
  lastAt: dateOf(row.last_at),
});

function checkedChoice<T extends string>(value: T, choices: readonly T[], what: string): T {
  if (choices.includes(value)) return value;
  throw invalid(`${what} is ${choices.join(' or ')}, not ${shown(value)}`);
}

/** A `timezone` that nobody reads would be UTC. */
function checkedOptions(options: unknown): ScheduleOptions {
  if (!isPlainObject(options)) throw invalid(`Expected options of a schedule, got ${shown(options)}`);
  const [problem] = unknownKeys(options, optionNames, 'schedule');
  if (problem === undefined) return options;
  throw invalid(problemText(problem));
}

const checkedName = (name: unknown): string =>
  checkedText(name, 'The name of a schedule', bounds.scheduleNameChars);

function checkedEvery(ms: unknown): number {
  const whole = checkedWhole(ms, 'everyMs', longestMs);
  if (whole >= bounds.scheduleEveryMs) return whole;
  throw invalid(
    `everyMs is at least ${String(bounds.scheduleEveryMs)}, not ${String(whole)}: what is done more often is a loop of a service, and no job each time`,
  );
}

/** Whether the expression is one, and the time zone, is known where the store is. */
function rhythmOf({ cron, everyMs, timeZone }: ScheduleOptions): object {
  if ((cron === undefined) === (everyMs === undefined))
    throw invalid("A schedule has either a cron expression or everyMs: { cron: '0 3 * * *' }");
  if (cron === undefined) {
    if (timeZone !== undefined) throw invalid('A timeZone is that of a cron expression: everyMs has none');
    return { cron: null, every_ms: checkedEvery(everyMs), time_zone: null };
  }
  const time_zone = timeZone === undefined ? 'UTC' : checkedText(timeZone, 'timeZone');
  return { cron: checkedText(cron, 'cron').trim(), every_ms: null, time_zone };
}

export class StoredSchedules {
  readonly #store: StoreClient;

  constructor(store: StoreClient) {
    this.#store = store;
  }

  // eslint-disable-next-line max-params -- as `Jobs.schedule`
  async schedule(queue: Queue, name: string, options: ScheduleOptions, given: unknown): Promise<Schedule> {
    const { missed = 'once', overlap = 'allow', ...rhythm } = checkedOptions(options);
    const input = {
      ...{ queue: nameOf(queue), name: checkedName(name), ...rhythmOf(rhythm) },
      missed: checkedChoice(missed, missedPolicies, 'missed'),
      overlap: checkedChoice(overlap, overlapPolicies, 'overlap'),
      body: await scheduleBodyOf(queue, given),
    };
    return scheduleOf((await this.#made(input)) as ScheduleRow);
  }

  /** What the store refuses was asked for here: it is no call that went wrong on the way. */
  async #made(input: object): Promise<unknown> {
    try {
      return await this.#store.mutate({ area, name: 'schedule', input });
    } catch (error) {
      throw isTuttiError(error, 'INVALID_INPUT') ? invalid(error.message) : error;
    }
  }

  async unschedule(queue: Queue, name: string): Promise<boolean> {
    const input = { queue: nameOf(queue), name: checkedName(name) };
    return (await this.#store.mutate({ area, name: 'unschedule', input })) as boolean;
  }

  async schedules(queue: Queue): Promise<readonly Schedule[]> {
    const input = { queue: nameOf(queue) };
    const rows = (await this.#store.query({ area, name: 'schedules', input })) as ScheduleRow[];
    return rows.map(scheduleOf);
  }
}
