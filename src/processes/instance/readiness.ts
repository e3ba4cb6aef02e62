/**
 * Runs the `check()` of a service now and then. Three failures in a row make the instance unready, one success makes it ready again;
 * a check can never end the process.
 */
import type { Clock, Timer } from '../../core/ports.ts';

export interface ReadinessNeeds {
  readonly everyMs: number;
  readonly clock: Clock;
  readonly check: () => Promise<boolean>;
  readonly onChange: (ok: boolean, reason: string) => void;
}

const failuresUntilUnready = 3;
const limitMs = 2_000;

export class Readiness {
  readonly #needs: ReadinessNeeds;
  #failures = 0;
  /** Why it is not fit. */
  #problemTold: string | undefined;
  #timer: Timer | undefined;
  #closed = false;

  constructor(needs: ReadinessNeeds) {
    this.#needs = needs;
    this.#later();
  }

  /** Once more: a supervisor that was away, or its successor, has not heard it. */
  tell(): void {
    if (this.#problemTold === undefined) this.#needs.onChange(true, 'check() succeeds');
    else this.#needs.onChange(false, this.#problemTold);
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }

  #later(): void {
    if (this.#closed) return;
    this.#timer = this.#needs.clock.after(
      this.#needs.everyMs,
      () =>
        void this.#run().then(() => {
          this.#later();
        }),
    );
  }

  async #run(): Promise<void> {
    const problem = await this.#problem();
    if (this.#closed) return;
    const before = this.#failures;
    this.#failures = problem === undefined ? 0 : before + 1;
    if (this.#failures === failuresUntilUnready) {
      this.#problemTold = `check() failed ${String(failuresUntilUnready)} times: ${problem ?? ''}`;
      this.tell();
    }
    if (this.#failures === 0 && before >= failuresUntilUnready) {
      this.#problemTold = undefined;
      this.tell();
    }
  }

  /** Undefined when all is well. */
  async #problem(): Promise<string | undefined> {
    const late = Promise.withResolvers<string>();
    const timer = this.#needs.clock.after(limitMs, () => {
      late.resolve(`no answer within ${String(limitMs)} ms`);
    });
    const asked = this.#needs.check().then(
      (ok) => (ok ? undefined : 'it gave false'),
      (error: unknown) => (error instanceof Error ? error.message : String(error)),
    );
    try {
      return await Promise.race([asked, late.promise]);
    } finally {
      timer.cancel();
    }
  }
}
