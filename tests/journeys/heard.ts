/** What the mailer of fixtures/durable has heard, as it wrote it down; and what is placed with the orders. No test of its own. */
import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import type { GroupView } from '../../src/core/event-view.ts';
import { Command, fixture } from './command.ts';

export interface Heard {
  readonly what: 'begun' | 'done';
  readonly key: string | null;
  readonly number: number;
  readonly attempt: number;
  readonly id: string;
  readonly requestId: string;
  readonly pid: number;
  /** Epoch milliseconds. */
  readonly at: number;
}

export interface Order {
  readonly key: string | null;
  readonly number: number;
  readonly ms?: number;
  readonly fails?: number;
  readonly priority?: number;
}

export class Post extends Command {
  readonly #file: string;

  constructor(folder: string, env: Readonly<Record<string, string>> = {}) {
    const file = `${folder}/heard`;
    super(folder, ['start', fixture('durable/tutti.ts')], { HEARD: file, ...env });
    this.#file = file;
  }

  /** Resolves when it is acknowledged. */
  async place(input: Order, deadlineMs = 10_000): Promise<{ delivered: number; kept: number }> {
    const ask = { action: 'orders.place', input, deadlineMs };
    const { output } = await this.admin.post<{ output: { delivered: number; kept: number } }>('/call', ask, {
      timeoutMs: deadlineMs + 5_000,
    });
    return output;
  }

  /** Numbers from `from` on, of so many keys in turn. Resolves when all are acknowledged. */
  async placeAll(from: number, count: number, keys: number): Promise<void> {
    const ask = { action: 'orders.placeAll', input: { from, count, keys }, deadlineMs: 60_000 };
    await this.admin.post('/call', ask, { timeoutMs: 65_000 });
  }

  heard(): Heard[] {
    if (!existsSync(this.#file)) return [];
    const lines = readFileSync(this.#file, 'utf8').split('\n');
    // A process that was killed may have left half a line.
    return lines.slice(0, -1).flatMap((line) => (line.endsWith('}') ? [JSON.parse(line) as Heard] : []));
  }

  done(): number[] {
    return this.heard().flatMap(({ what, number }) => (what === 'done' ? [number] : []));
  }

  receivers(): Promise<GroupView[]> {
    return this.admin.get<GroupView[]>('/store/receivers');
  }

  async untilHeard(what: string, isSo: (heard: Heard[]) => boolean, timeoutMs = 20_000): Promise<Heard[]> {
    const until = performance.now() + timeoutMs;
    for (;;) {
      const heard = this.heard();
      if (isSo(heard)) return heard;
      if (performance.now() > until)
        throw new Error(`not within ${String(timeoutMs)} ms: ${what}\n${this.said}`);
      await pause(20);
    }
  }

  /** Nothing is owed to anybody. */
  async untilDelivered(timeoutMs = 60_000): Promise<GroupView> {
    const until = performance.now() + timeoutMs;
    for (;;) {
      const [mailer] = await this.receivers().catch(() => []);
      if (mailer?.owed === 0) return mailer;
      if (performance.now() > until) throw new Error(`still owed: ${JSON.stringify(mailer)}\n${this.said}`);
      await pause(50);
    }
  }
}
