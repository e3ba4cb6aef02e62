/**
 * Who owns a store that is kept elsewhere: taken before anything is read, renewed while it is open, given back at its end. What makes a second owner harmless
 * is the log, which takes a number once; the lease keeps two apps from taking the store from each other again and again.
 */
import { bounds } from '../../core/bounds.ts';
import { TuttiError, isTuttiError } from '../../core/errors.ts';
import type { Clock, Timer } from '../../core/ports.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { ChangeLog, Owner } from './change-log.ts';

interface LeaseNeeds {
  readonly changeLog: ChangeLog;
  readonly owner: Owner;
  readonly clock: Clock;
  readonly log: Logger;
}

const askAgainMs = 500;

export class Lease {
  readonly #needs: LeaseNeeds;
  #timer: Timer | undefined;
  #isOver = false;

  constructor(needs: LeaseNeeds) {
    this.#needs = needs;
  }

  /** Waits for an owner that is not heard of any more. @throws {TuttiError} `ALREADY_RUNNING` naming the one that is. */
  async take(): Promise<void> {
    const { changeLog, owner, clock, log } = this.#needs;
    const until = clock.now() + bounds.storeLeaseMs + askAgainMs;
    for (let tries = 0; ; tries += 1) {
      const other = await changeLog.claim(owner);
      if (other === undefined) return;
      if (tries === 0)
        log.warn('The store has another owner: waiting for the end of its lease', { ...other });
      if (clock.now() > until) throw taken(other.label);
      await new Promise<void>((done) => {
        clock.after(askAgainMs, done);
      });
    }
  }

  /**
   * @param lose told once, when it is another owner's, or may not go on.
   * @param look done at each renewal; a `CONFIG_INVALID` of it is for `lose`.
   */
  keep(lose: (error: TuttiError) => void, look: () => Promise<void>): void {
    this.#timer = this.#needs.clock.after(bounds.storeLeaseMs / 3, () => {
      void this.#renew(lose, look);
    });
  }

  async isOurs(): Promise<boolean> {
    return this.#needs.changeLog.renew(this.#needs.owner);
  }

  async end(): Promise<void> {
    this.#isOver = true;
    this.#timer?.cancel();
    try {
      await this.#needs.changeLog.release(this.#needs.owner);
    } catch (error) {
      this.#needs.log.warn('The store is given back when its lease ends', { error });
    }
  }

  async #renew(lose: (error: TuttiError) => void, look: () => Promise<void>): Promise<void> {
    try {
      if (!(await this.isOurs()))
        throw new TuttiError('LEASE_LOST', { message: 'another owner has taken the store' });
      await look();
    } catch (error) {
      if (this.#isOver) return;
      if (isTuttiError(error, 'LEASE_LOST') || isTuttiError(error, 'CONFIG_INVALID')) {
        lose(new TuttiError('STORE_UNREACHABLE', { reason: error.message }, { cause: error }));
        return;
      }
      this.#needs.log.debug('The lease of the store cannot be renewed now', { error });
    }
    if (!this.#isOver) this.keep(lose, look);
  }
}

const taken = (label: string): TuttiError =>
  new TuttiError('ALREADY_RUNNING', {
    message: `The store belongs to ${label}: a store has one owner. Stop that app, or give one of the two a store of another name`,
  });
