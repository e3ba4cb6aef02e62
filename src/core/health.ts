/**
 * Judges whether an instance lives, from its heartbeat and from /proc. Pure; the verdict carries its evidence.
 * Used by processes/supervisor/watch. A stale beat alone never kills: work may be real, and the machine may be starved.
 */

export interface HealthPolicy {
  /** A beat older than this makes the instance unready. */
  readonly staleAfter: number;
  /** Without a beat and without progress for this long: killed. */
  readonly heartbeatTimeout: number;
  /** Without a beat but with progress for this long: killed. */
  readonly busyAfter: number;
}

export interface Reading {
  readonly now: number;
  /** Of the last beat, monotonic milliseconds. */
  readonly beatAt: number;
  /** From /proc: R, S, D, T, Z …; undefined when the process is gone. */
  readonly processState: string | undefined;
  /** CPU time of its group advanced since the last reading. */
  readonly progressed: boolean;
  /** Our own tick came late by more than two periods, or a debugger is attached: deadlines count three times. */
  readonly lenient: boolean;
}

export type Verdict =
  | { readonly verdict: 'alive' }
  | {
      readonly verdict: 'unready' | 'kill';
      readonly why: 'busy' | 'starved' | 'blocked-io' | 'paused' | 'silent' | 'hung';
      readonly silentMs: number;
    };

export function judge(reading: Reading, policy: HealthPolicy): Verdict {
  const silentMs = reading.now - reading.beatAt;
  const patience = reading.lenient ? 3 : 1;
  if (silentMs <= policy.staleAfter * patience) return { verdict: 'alive' };
  if (reading.processState === 'D') return { verdict: 'unready', why: 'blocked-io', silentMs };
  if (reading.progressed)
    return { verdict: silentMs > policy.busyAfter * patience ? 'kill' : 'unready', why: 'busy', silentMs };
  if (reading.processState === 'R') return { verdict: 'unready', why: 'starved', silentMs };
  if (silentMs > policy.heartbeatTimeout * patience) return { verdict: 'kill', why: 'hung', silentMs };
  return { verdict: 'unready', why: reading.processState === 'T' ? 'paused' : 'silent', silentMs };
}

const words = {
  busy: 'its event loop is busy: no heartbeat, but CPU time advances',
  starved: 'the machine has no time for it: runnable, but without progress',
  'blocked-io': 'it waits for the disk (state D)',
  paused: 'it is paused (state T)',
  silent: 'no heartbeat and no progress',
  hung: 'hung: no heartbeat and no progress',
} as const;

export const verdictText = (verdict: Exclude<Verdict, { verdict: 'alive' }>): string =>
  `${words[verdict.why]}, for ${(verdict.silentMs / 1000).toFixed(1)} s`;
