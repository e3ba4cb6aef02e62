/**
 * The time an instance has to finish in once it was told to: moved by `extend()`, never beyond what the supervisor allows.
 * What was asked for before the stop came counts from then. Used by the instance program.
 */
import type { Clock, Timer } from '../../core/ports.ts';

export interface GraceNeeds {
  readonly clock: Clock;
  /** So that the supervisor, who kills, moves its own limit too. */
  readonly tell: (ms: number) => void;
  readonly onOver: () => void;
}

export class Grace {
  readonly #needs: GraceNeeds;
  #timer: Timer | undefined;
  /** Monotonic milliseconds. */
  #wishedUntil = 0;
  #endsAt: number | undefined;
  #latest = 0;

  constructor(needs: GraceNeeds) {
    this.#needs = needs;
  }

  begin(ms: number, maxMs: number): void {
    const now = this.#needs.clock.now();
    this.#latest = now + Math.max(ms, maxMs);
    this.#arm(now + ms);
    if (this.#wishedUntil > now + ms) this.extend(this.#wishedUntil - now);
  }

  extend(ms: number): void {
    if (!(ms > 0)) return;
    const { clock, tell } = this.#needs;
    const wished = clock.now() + ms;
    this.#wishedUntil = Math.max(this.#wishedUntil, wished);
    if (this.#endsAt === undefined || wished <= this.#endsAt || this.#endsAt >= this.#latest) return;
    tell(Math.min(ms, Number.MAX_SAFE_INTEGER));
    this.#arm(Math.min(wished, this.#latest));
  }

  /** For a successor of the supervisor: what was asked for while there was none is lost. */
  repeat(): void {
    if (this.#endsAt === undefined) return;
    const ms = this.#endsAt - this.#needs.clock.now();
    if (ms > 0) this.#needs.tell(ms);
  }

  close(): void {
    this.#timer?.cancel();
    this.#endsAt = undefined;
  }

  #arm(endsAt: number): void {
    this.#timer?.cancel();
    this.#endsAt = endsAt;
    this.#timer = this.#needs.clock.after(endsAt - this.#needs.clock.now(), this.#needs.onOver);
  }
}
