/** A store with schedules in it, and its clock. No test of its own. */
import { DatabaseSync } from 'node:sqlite';
import type { JobRow } from '../../../src/stores/job-queue/job-table.ts';
import { jobsArea } from '../../../src/stores/job-queue/jobs-area.ts';
import type {
  RepairOutput,
  ScheduleInput,
  ScheduleRow,
  TickOutput,
} from '../../../src/stores/job-queue/schedules.ts';
import type { Store } from '../../../src/stores/sqlite/store.ts';
import { StoreFolder } from '../store-folder.ts';

export const area = 'jobs';
export const queue = 'mail';
export const hour = 3_600_000;
export const midnight = Date.UTC(2026, 0, 1);
export const at = (ms: number): string => new Date(midnight + ms).toISOString();

/** Hourly, unless it says otherwise. The clock begins at midnight. */
export class ScheduleWorld implements AsyncDisposable {
  readonly folder = new StoreFolder();
  store: Store = this.folder.open([jobsArea]);

  schedule(more: Partial<ScheduleInput> = {}): Promise<ScheduleRow> {
    const input: ScheduleInput = {
      ...{ queue, name: 'nightly', cron: '0 * * * *', every_ms: null, time_zone: 'UTC' },
      ...{ missed: 'once', overlap: 'allow', body: '{"payload":1,"context":{}}' },
      ...more,
    };
    return this.store.mutate({ area, name: 'schedule', input }) as Promise<ScheduleRow>;
  }

  async tick(): Promise<TickOutput> {
    return (await this.store.mutate({ area, name: 'tick' })) as TickOutput;
  }

  repair(after: RepairOutput['after'] = null): Promise<RepairOutput> {
    return this.store.mutate({ area, name: 'repair', input: { after } }) as Promise<RepairOutput>;
  }

  unschedule(name: string): Promise<unknown> {
    return this.store.mutate({ area, name: 'unschedule', input: { queue, name } });
  }

  schedules(): ScheduleRow[] {
    return this.store.query({ area, name: 'schedules', input: { queue } }) as ScheduleRow[];
  }

  nextAt(): string | undefined {
    const next = this.schedules()[0]?.next_at ?? undefined;
    return next === undefined ? undefined : new Date(next).toISOString();
  }

  /** In the order in which they were added. */
  jobs(): JobRow[] {
    const { jobs } = this.store.query({ area, name: 'list', input: { queue, limit: 250 } }) as {
      jobs: JobRow[];
    };
    return jobs.toReversed();
  }

  ids(): string[] {
    return this.jobs().map(({ id }) => id);
  }

  /** Runs all that are to be begun, and ends them. */
  async work(): Promise<void> {
    const turn = async (input: object): Promise<readonly JobRow[]> => {
      const answer = await this.store.mutate({ area, name: 'turn', input: { queue, ends: [], ...input } });
      return (answer as { jobs: JobRow[] }).jobs;
    };
    const jobs = await turn({ claim: { limit: 100 } });
    await turn({ ends: jobs.map(({ seq, run }) => ({ seq, run, end: 'done', result: 'null' })) });
  }

  /** Nobody was there meanwhile. */
  async away(ms: number): Promise<void> {
    await this.store.close();
    this.folder.clock.advance(ms);
    this.store = this.folder.open([jobsArea]);
  }

  /** Somebody else writes in the file. */
  async change(sql: string): Promise<void> {
    await this.store.close();
    const database = new DatabaseSync(this.folder.store);
    database.exec(sql);
    database.close();
    this.store = this.folder.open([jobsArea]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.store.close();
    this.folder[Symbol.dispose]();
  }
}
