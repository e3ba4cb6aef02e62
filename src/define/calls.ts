/**
 * How calls are made, as services, actions and app files say it, in types.
 */
import type { OptionsIn } from '../core/options.ts';
import { joinTunings } from '../core/tuning.ts';
import type { ActionTuning } from '../core/tuning.ts';
import type { breakerOptions } from './call-options.ts';

export type BreakerInput = OptionsIn<typeof breakerOptions>;
export type Retries = 0 | 1 | 2;

export interface CallsInput {
  /** Of calls that name no time. Default 5,000; a nested call never gets more than what remains of its own. Not of streams. */
  readonly deadlineMs?: number | undefined;
  /** How often a call may be made once more, where that is harmless: `idempotent: true`, or a key. Default 2. */
  readonly retries?: Retries | undefined;
  /** When an instance is not asked for it for a while; false: never. Of all calls of a caller, so a call cannot say it. */
  readonly breaker?: BreakerInput | false | undefined;
}

/** Of all actions of a service that do not say it themselves. */
export interface ServiceCallsInput extends CallsInput {
  /** false: its instances are not compared. For a service whose instances do different things. */
  readonly outliers?: boolean | undefined;
}

/** In an app file: in place of what the service itself says. */
export interface AppCallsInput extends ServiceCallsInput {
  readonly actions?: Readonly<Record<string, CallsInput>> | undefined;
}

/** In the manifest of an action: its own word, or, in that of an app, all words in one. Nothing where nobody has said anything. */
export function callsOf(layers: readonly (ActionTuning | undefined)[]): { readonly calls?: ActionTuning } {
  const calls = joinTunings(layers);
  return Object.keys(calls).length === 0 ? {} : { calls };
}
