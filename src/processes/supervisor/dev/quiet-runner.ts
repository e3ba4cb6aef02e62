/**
 * Runs one thing once it has become quiet, never two at a time: what comes meanwhile makes the next run.
 */
import type { Clock, Timer } from '../../../core/ports.ts';

export interface QuietRunnerNeeds {
  readonly clock: Clock;
  /** @param since monotonic: when it was first asked for. Must not throw. */
  readonly run: (since: number) => Promise<void>;
}

/** Editors save in several steps, and people several files at once. */
const quietMs = 100;
/** Somebody who saves without a pause is not waited for longer. */
const mostWaitMs = 1_000;

export class QuietRunner {
  readonly #needs: QuietRunnerNeeds;
  #since: number | undefined;
  #timer: Timer | undefined;
  #isBusy = false;
  #isClosed = false;

  constructor(needs: QuietRunnerNeeds) {
    this.#needs = needs;
  }

  /** @param since when it really began, where that is known. */
  ask(since = this.#needs.clock.now()): void {
    if (this.#isClosed) return;
    const now = this.#needs.clock.now();
    this.#since ??= since;
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#isBusy) return;
    const waitMs = Math.max(0, Math.min(quietMs, this.#since + mostWaitMs - now));
    this.#timer = this.#needs.clock.after(waitMs, () => void this.#run());
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
  }

  get #isAsked(): boolean {
    return this.#since !== undefined;
  }

  async #run(): Promise<void> {
    const since = this.#since ?? this.#needs.clock.now();
    this.#since = undefined;
    this.#isBusy = true;
    await this.#needs.run(since);
    this.#isBusy = false;
    // Asked for meanwhile: once more from the beginning, with its own quiet.
    if (this.#isAsked) this.ask();
  }
}
