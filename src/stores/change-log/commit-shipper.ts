/**
 * Keeps the commits of a store in its log, one after the other, and does not give up while the engine is away: whoever waits for a commit has a deadline of
 * its own. Knows when another owner has taken the store, and when the engine has lost what it had acknowledged: the owner still has it, and puts it back.
 */
import { TuttiError } from '../../core/errors.ts';
import type { Clock } from '../../core/ports.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { CommitKeeper } from '../sqlite/commit-keeper.ts';
import type { Appended, ChangeLog, LogRecord } from './change-log.ts';
import { costOf, withChecksum } from './checked-record.ts';

interface CommitShipperNeeds {
  readonly changeLog: ChangeLog;
  readonly clock: Clock;
  readonly log: Logger;
  /** The log has grown by a record of so many bytes. */
  readonly kept: (bytes: number) => void;
  /** Whether the log has outgrown its bound. */
  readonly isFull: () => boolean;
  /** Puts a copy of the store as it is before this commit in the place of what is gone. False: the store is another owner's. */
  readonly mend: () => Promise<boolean>;
  /** The store is another owner's. */
  readonly lose: (error: TuttiError) => void;
}

const firstPauseMs = 20;
const longestPauseMs = 1_000;

export class CommitShipper implements CommitKeeper {
  readonly #needs: CommitShipperNeeds;
  readonly #stop = new AbortController();
  #isAway = false;

  constructor(needs: CommitShipperNeeds) {
    this.#needs = needs;
  }

  async keep(number: number, changes: Uint8Array): Promise<void> {
    if (this.#needs.isFull()) throw new TuttiError('STORE_FULL');
    const record = { number, bytes: withChecksum(changes) };
    for (let tries = 0; ; tries += 1) {
      const appended = await this.#append(record);
      if (appended === 'full') throw new TuttiError('STORE_FULL');
      if (appended === 'taken') throw this.#lost();
      if (appended === 'kept') {
        this.#needs.kept(costOf(record.bytes));
        return;
      }
      await this.#pause(tries);
    }
  }

  /** What is under way is given up: whether it is kept nobody knows. */
  stop(): void {
    this.#stop.abort();
  }

  /** `gap`: to be tried again. */
  async #append(record: LogRecord): Promise<Appended> {
    try {
      const appended = await this.#needs.changeLog.append(record);
      this.#isBack();
      if (appended !== 'gap') return appended;
      return (await this.#needs.mend()) ? 'gap' : 'taken';
    } catch (error) {
      this.#goneAway(error);
      return 'gap';
    }
  }

  #lost(): TuttiError {
    const reason = 'another owner has taken the store';
    const error = new TuttiError('STORE_UNREACHABLE', { reason, executed: 'unknown' });
    this.#needs.lose(error);
    return error;
  }

  async #pause(tries: number): Promise<void> {
    const { signal } = this.#stop;
    await new Promise<void>((done) => {
      const timer = this.#needs.clock.after(Math.min(longestPauseMs, firstPauseMs * 2 ** tries), done);
      signal.addEventListener(
        'abort',
        () => {
          timer.cancel();
          done();
        },
        { once: true },
      );
      if (signal.aborted) done();
    });
    if (signal.aborted) throw new TuttiError('STORE_CLOSED', { executed: 'unknown' });
  }

  #goneAway(error: unknown): void {
    if (!this.#isAway)
      this.#needs.log.error('What keeps the store cannot be reached: changes wait', { error });
    this.#isAway = true;
  }

  #isBack(): void {
    if (this.#isAway) this.#needs.log.info('What keeps the store is back: changes go on');
    this.#isAway = false;
  }
}
