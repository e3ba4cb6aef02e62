/**
 * Decides whether one action of one instance is asked at all: after many failures not for a while, then with one call that probes.
 * Pure: time comes in. Costs nothing while nothing fails. Used by the mesh's caller, one per instance and action.
 * Source: Nygard, "Release It!" (circuit breaker).
 */
export type BreakerPhase = 'closed' | 'open' | 'probing';

export interface BreakerLimits {
  /** Failures in a row that open it. */
  readonly inARow: number;
  /** Or so many of a hundred calls of the window, of at least `fewest`. */
  readonly percent: number;
  readonly fewest: number;
  /** From its opening to the first probe; doubled after each probe that failed, up to the longest. */
  readonly probeAfterMs: number;
  readonly longestProbeAfterMs: number;
}

/** Where nobody says otherwise. */
export const breakerLimits = {
  inARow: 5,
  percent: 50,
  fewest: 20,
  probeAfterMs: 1_000,
  longestProbeAfterMs: 4_000,
} as const satisfies BreakerLimits;

const windowMs = 10_000;
const slices = 10;
const sliceMs = windowMs / slices;

export class Breaker {
  #phase: BreakerPhase = 'closed';
  #failuresInARow = 0;
  #openedAfter = 0;
  #openedAtPercent: number | undefined;
  #probeAfterMs = 0;
  #probeAt = 0;
  /** Calls and failures per slice of the window; undefined while nothing failed in it. */
  #window: Uint32Array | undefined;
  #slice = 0;
  #lastFailureAt = 0;

  get phase(): BreakerPhase {
    return this.#phase;
  }

  /** When the next call is let through, as far as that is known; `now` or before: at once. */
  get probeAt(): number {
    return this.#probeAt;
  }

  /** Failures in a row when it opened. */
  get openedAfter(): number {
    return this.#openedAfter;
  }

  /** The part of its calls that opened it; undefined: those in a row did. */
  get openedAtPercent(): number | undefined {
    return this.#openedAtPercent;
  }

  /** Does not change anything: whoever sends says so with `sent`. */
  allows(now: number): boolean {
    return this.#phase === 'closed' || (this.#phase === 'open' && now >= this.#probeAt);
  }

  /** True: this call is the probe, and has to be settled with `succeeded`, `failed` or `withdrawn`. */
  sent(): boolean {
    if (this.#phase === 'closed') return false;
    this.#phase = 'probing';
    return true;
  }

  /** An answer, and be it a refusal of what was asked: it works. Gives whether that closed it. */
  succeeded(now: number): boolean {
    this.#failuresInARow = 0;
    // An answer to a call from before it was opened says nothing of now, but the probe's does.
    if (this.#phase === 'probing') {
      this.#close();
      return true;
    }
    if (this.#window !== undefined) this.#count(this.#window, now, false);
    return false;
  }

  /** A timeout, a loss. Gives whether that opened it. @param limits as they are now: it keeps none of its own. */
  failed(now: number, isProbe: boolean, limits: BreakerLimits = breakerLimits): boolean {
    this.#lastFailureAt = now;
    this.#failuresInARow += 1;
    if (this.#phase === 'probing') {
      if (isProbe) this.#open(now, limits);
      return false;
    }
    if (this.#phase === 'open') return false;
    this.#window ??= this.#newWindow(now);
    this.#count(this.#window, now, true);
    const isRow = this.#failuresInARow >= limits.inARow;
    if (!isRow && !isMostlyFailing(this.#window, limits)) return false;
    this.#openedAfter = this.#failuresInARow;
    this.#openedAtPercent = isRow ? undefined : limits.percent;
    this.#open(now, limits);
    return true;
  }

  /** The probe was taken back: nobody knows more than before. */
  withdrawn(): void {
    if (this.#phase === 'probing') this.#phase = 'open';
  }

  #open(now: number, { probeAfterMs, longestProbeAfterMs }: BreakerLimits): void {
    this.#phase = 'open';
    this.#window = undefined;
    this.#probeAfterMs =
      this.#probeAfterMs === 0 ? probeAfterMs : Math.min(longestProbeAfterMs, 2 * this.#probeAfterMs);
    this.#probeAt = now + this.#probeAfterMs;
  }

  #close(): void {
    this.#phase = 'closed';
    this.#failuresInARow = 0;
    this.#probeAfterMs = 0;
    this.#window = undefined;
  }

  #newWindow(now: number): Uint32Array {
    this.#slice = Math.floor(now / sliceMs);
    return new Uint32Array(2 * slices);
  }

  #count(window: Uint32Array, now: number, isFailure: boolean): void {
    if (now - this.#lastFailureAt >= windowMs) {
      this.#window = undefined;
      return;
    }
    const slice = Math.floor(now / sliceMs);
    for (let next = Math.max(this.#slice + 1, slice - slices + 1); next <= slice; next += 1)
      window.fill(0, 2 * (next % slices), 2 * (next % slices) + 2);
    this.#slice = Math.max(this.#slice, slice);
    const at = 2 * (this.#slice % slices);
    window[at] = (window[at] ?? 0) + 1;
    if (isFailure) window[at + 1] = (window[at + 1] ?? 0) + 1;
  }
}

function isMostlyFailing(window: Uint32Array, { fewest, percent }: BreakerLimits): boolean {
  let calls = 0;
  let failures = 0;
  for (let at = 0; at < window.length; at += 2) {
    calls += window[at] ?? 0;
    failures += window[at + 1] ?? 0;
  }
  return calls >= fewest && 100 * failures >= percent * calls;
}
