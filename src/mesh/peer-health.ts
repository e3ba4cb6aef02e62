/**
 * How one instance has answered lately, as one of its callers sees it: latency, failures, and a breaker for each action that failed.
 * The decisions are in core; this keeps their state. Used by `Peer`.
 */
import type { OpenBreaker } from '../core/avoided.ts';
import { Breaker } from '../core/breaker.ts';
import type { BreakerLimits } from '../core/breaker.ts';
import { even } from '../core/outliers.ts';
import type { Comparison, Observed } from '../core/outliers.ts';

/** Answers that what is remembered is made of; the latest of more counts for one of so many. Of fewer, which may all be of a process that has just begun, nobody is called slow. */
const rememberedAnswers = 10;
/** Who is not asked cannot show that it is well again: at each look so much of what is held against it stays. */
const fading = { latency: 0.8, failures: 0.98 } as const;
/** Of an outlier: it is asked when there is nobody else, or the others have this much more to do. */
const outlierTimes = 1_000;

interface Failure {
  readonly now: number;
  readonly isProbe: boolean;
  readonly code: string;
  /** Of the action's breaker; undefined: it has none. */
  readonly limits: BreakerLimits | undefined;
}

export class PeerHealth implements Observed {
  failures = 0;
  /** Beside the others of its service. */
  comparison: Comparison = even;
  readonly #breakers = new Map<string, Breaker>();
  /** Codes of the last failures, of actions that have a breaker. */
  readonly #last = new Map<string, string>();
  #wasAsked = false;
  #latencyMs = 0;
  /** Those of its latency, up to what is remembered. */
  #answers = 0;

  get latencyMs(): number | undefined {
    return this.#answers < rememberedAnswers ? undefined : this.#latencyMs;
  }

  get isOutlier(): boolean {
    return this.comparison.isOutlier;
  }

  /** No action of it is held back. */
  get isClear(): boolean {
    return this.#breakers.size === 0;
  }

  /** How much dearer it is than the others. */
  get weight(): number {
    const { slowness, isOutlier } = this.comparison;
    return isOutlier ? slowness * outlierTimes : slowness;
  }

  allows(action: string, now: number): boolean {
    return this.#breakers.size === 0 || (this.#breakers.get(action)?.allows(now) ?? true);
  }

  /** When `action` may be asked for again. */
  probeAt(action: string): number {
    return this.#breakers.get(action)?.probeAt ?? 0;
  }

  /** True: the call is a probe. */
  sent(action: string): boolean {
    return this.#breakers.size > 0 && this.#breakers.get(action)?.sent() === true;
  }

  /**
   * An answer came. `tookMs`: undefined when that says nothing about the instance. `isFault`: an error that speaks against the instance and not against what was
   * asked. True: a breaker closed.
   */
  answered(
    action: string,
    { now, tookMs, isFault }: { now: number; tookMs: number | undefined; isFault: boolean },
  ): boolean {
    // Who fails is quick: that would make those slow beside it who do the work.
    if (!isFault && tookMs !== undefined) this.#noteLatency(tookMs);
    this.#wasAsked = true;
    this.#noteFailure(isFault ? 1 : 0);
    if (this.#breakers.size === 0 || this.#breakers.get(action)?.succeeded(now) !== true) return false;
    this.#forget(action);
    return true;
  }

  /** No answer. True: a breaker opened. */
  failed(action: string, { now, isProbe, code, limits }: Failure): boolean {
    this.#wasAsked = true;
    this.#noteFailure(1);
    if (limits === undefined) {
      // It may have had one until now.
      this.#forget(action);
      return false;
    }
    let breaker = this.#breakers.get(action);
    if (breaker === undefined) this.#breakers.set(action, (breaker = new Breaker()));
    this.#last.set(action, code);
    return breaker.failed(now, isProbe, limits);
  }

  withdrawn(action: string): void {
    this.#breakers.get(action)?.withdrawn();
  }

  /** At each look: four a second. */
  fade(): void {
    if (!this.#wasAsked) {
      this.failures *= fading.failures;
      this.#latencyMs *= fading.latency;
    }
    this.#wasAsked = false;
  }

  /** Actions that are not asked for now. */
  open(): Omit<OpenBreaker, 'kind' | 'instance'>[] {
    return [...this.#breakers]
      .filter(([, { phase }]) => phase !== 'closed')
      .map(([action, { openedAfter: failures, openedAtPercent: percent, probeAt }]) => ({
        ...{ action, failures, probeAt, last: this.#last.get(action) ?? '' },
        ...(percent === undefined ? {} : { percent }),
      }));
  }

  #forget(action: string): void {
    this.#breakers.delete(action);
    this.#last.delete(action);
  }

  #noteLatency(tookMs: number): void {
    if (this.#answers < rememberedAnswers) this.#answers += 1;
    this.#latencyMs += (tookMs - this.#latencyMs) / this.#answers;
  }

  #noteFailure(failure: 0 | 1): void {
    if (failure === 1 || this.failures > 0) this.failures += (failure - this.failures) / rememberedAnswers;
  }
}
