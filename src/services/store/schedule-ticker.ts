/**
 * Looks when the next tick of any schedule of the app is due, has its job added then, and tells who has the jobs of its queue done. Knows of no schedule more than the
 * time of the earliest: what a tick is and what comes of it is decided in the store. Used by the jobs desk.
 */
import type { Clock, Timer } from '../../core/ports.ts';
import type { Log } from '../../define/handling.ts';
import type { RepairOutput, ScheduleTrouble, TickOutput } from '../../stores/job-queue/schedules.ts';
import type { Store } from '../../stores/sqlite/store.ts';
import { readAgainMs } from './not-tried.ts';

export interface ScheduleTickerNeeds {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  /** The queue has new jobs. */
  readonly added: (queue: string) => void;
}

export class ScheduleTicker {
  readonly #needs: ScheduleTickerNeeds;
  #timer: Timer | undefined;
  #looking: Promise<void> | undefined;
  #lookAgain = false;
  #isRepaired = false;
  #isStopping = false;

  constructor(needs: ScheduleTickerNeeds) {
    this.#needs = needs;
    this.wake();
  }

  /** A schedule was made or taken away. */
  wake(): void {
    if (this.#isStopping) return;
    this.#lookAgain = true;
    this.#looking ??= this.#look();
  }

  /** Adds nothing more; resolves when what it is about to add is added. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#timer?.cancel();
    await this.#looking;
  }

  async #look(): Promise<void> {
    try {
      while (this.#lookAgain && !this.#isStopping) {
        this.#lookAgain = false;
        if (!this.#isRepaired) await this.#repair();
        this.#arm(await this.#tick());
      }
    } catch (error) {
      this.#cannotTick(error);
    } finally {
      this.#looking = undefined;
    }
  }

  /** One look in the life of an owner: afterwards its clock and its time zones are the same. */
  async #repair(): Promise<void> {
    const { store, log } = this.#needs;
    let after: RepairOutput['after'] = null;
    do {
      const input = { after };
      const page = (await store.mutate({ area: 'jobs', name: 'repair', input })) as RepairOutput;
      this.#tell(page.troubles);
      const { repaired } = page;
      if (repaired > 0)
        log.warn('The next ticks of schedules were not when they should be, and are now', { repaired });
      after = page.after;
    } while (after !== null);
    this.#isRepaired = true;
  }

  async #tick(): Promise<number | null> {
    const { store, added } = this.#needs;
    const { queues, nextAt, troubles } = (await store.mutate({ area: 'jobs', name: 'tick' })) as TickOutput;
    this.#tell(troubles);
    for (const queue of queues) added(queue);
    return nextAt;
  }

  /** A timer that fires early finds nothing due: it is by the store's clock that a tick is. */
  #arm(nextAt: number | null): void {
    this.#timer?.cancel();
    if (nextAt === null || this.#isStopping) return;
    const inMs = nextAt - this.#needs.store.now();
    // More than one change may touch: each look takes some of it away.
    if (inMs <= 0) this.#lookAgain = true;
    else this.#wakeAfter(inMs);
  }

  #cannotTick(error: unknown): void {
    if (this.#isStopping) return;
    this.#needs.log.error('Schedules cannot be read', { error });
    this.#timer?.cancel();
    this.#wakeAfter(readAgainMs);
  }

  #wakeAfter(ms: number): void {
    this.#timer = this.#needs.clock.after(ms, () => {
      this.wake();
    });
  }

  #tell(troubles: readonly ScheduleTrouble[]): void {
    for (const trouble of troubles) this.#needs.log.error('A schedule did not tick', { ...trouble });
  }
}
