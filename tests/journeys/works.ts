/** The app of fixtures/jobs in real processes, and what its workers wrote down. No test of its own. */
import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import type { AddedJob, JobCounts } from '../../src/define/jobs.ts';
import type { JobState } from '../../src/define/jobs.ts';
import { Command, fixture } from './command.ts';

export interface Ran {
  readonly what: 'begun' | 'done' | 'aborted' | 'LEASE_LOST' | 'told to end';
  readonly number: number;
  readonly attempt: number;
  readonly id: string;
  readonly queue: string;
  readonly pid: number;
  /** Epoch milliseconds. */
  readonly at: number;
}

/** As JSON brings it. */
export interface JobJson {
  readonly id: string;
  readonly state: JobState;
  readonly attempts: number;
  readonly result?: { readonly number: number };
  readonly progress?: unknown;
  readonly reason?: string;
}

export interface Wish {
  readonly number: number;
  readonly ms?: number;
  readonly fails?: number;
  readonly how?: string;
}

export class Works extends Command {
  readonly #file: string;

  constructor(folder: string, env: Readonly<Record<string, string>> = {}) {
    const file = `${folder}/heard`;
    super(folder, ['start', fixture('jobs/tutti.ts')], { HEARD: file, ...env });
    this.#file = file;
  }

  async ask<T>(
    action: string,
    args: readonly unknown[],
    { queue = 'work', deadlineMs = 15_000 } = {},
  ): Promise<T> {
    const ask = { action: `office.${action}`, input: { queue, args }, deadlineMs };
    const { output } = await this.admin.post<{ output: T }>('/call', ask, { timeoutMs: deadlineMs + 5_000 });
    return output;
  }

  async add(
    wish: Wish,
    options: object = {},
    more: { queue?: string; deadlineMs?: number } = {},
  ): Promise<string> {
    const { id } = await this.ask<AddedJob>('add', [wish, options], more);
    return id;
  }

  end(id: string, queue = 'work'): Promise<JobJson> {
    return this.ask('waitFor', [id, { timeoutMs: 40_000 }], { queue, deadlineMs: 45_000 });
  }

  counts(queue = 'work'): Promise<JobCounts> {
    return this.ask('counts', [], { queue });
  }

  ran(): Ran[] {
    if (!existsSync(this.#file)) return [];
    const lines = readFileSync(this.#file, 'utf8').split('\n');
    // A process that was killed may have left half a line.
    return lines.slice(0, -1).flatMap((line) => (line.endsWith('}') ? [JSON.parse(line) as Ran] : []));
  }

  async untilRan(what: string, find: (ran: Ran[]) => Ran | undefined, timeoutMs = 20_000): Promise<Ran> {
    const until = performance.now() + timeoutMs;
    for (;;) {
      const found = find(this.ran());
      if (found !== undefined) return found;
      if (performance.now() > until)
        throw new Error(`not within ${String(timeoutMs)} ms: ${what}\n${this.said}`);
      await pause(10);
    }
  }

  begun(id: string, attempt = 1): Promise<Ran> {
    return this.untilRan(`job ${id} is begun, attempt ${String(attempt)}`, (ran) =>
      ran.find((one) => one.id === id && one.what === 'begun' && one.attempt === attempt),
    );
  }

  /** Nothing of the queue is open. */
  async untilIdle(queue: string, timeoutMs = 60_000): Promise<JobCounts> {
    const until = performance.now() + timeoutMs;
    for (;;) {
      const counts = await this.counts(queue).catch(() => undefined);
      if (counts !== undefined && counts.waiting + counts.delayed + counts.running === 0) return counts;
      if (performance.now() > until) throw new Error(`still open: ${JSON.stringify(counts)}\n${this.said}`);
      await pause(50);
    }
  }
}
