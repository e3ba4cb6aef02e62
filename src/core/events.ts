/**
 * What happened: every transition of an instance, and what the supervisor did or noticed. The one record that `why`, `status`,
 * metrics and hooks are derived from. Written by processes/supervisor/event-log.
 */
import { instanceId } from './ids.ts';
import type { Evidence, InstanceState, SlotEvent, SlotState } from './instance-state.ts';

export interface InstanceEvent {
  readonly type: 'instance';
  /** Generation * 2^32 + n: only grows, across supervisors and starts of the app. */
  readonly seq: number;
  /** Epoch milliseconds. */
  readonly time: number;
  /** `users#1@3` */
  readonly instance: string;
  readonly service: string;
  readonly from: InstanceState;
  readonly to: InstanceState;
  readonly reason: string;
  readonly evidence: Evidence;
  /** Quick failures in a row. */
  readonly failures: number;
  readonly crashLoop: boolean;
}

export type AppEventName =
  | 'app:started'
  | 'app:stopping'
  | 'app:stopped'
  | 'supervisor:replaced'
  | 'supervisor:stalled'
  | 'service:scaled'
  | 'service:changed'
  | 'roll:started'
  | 'roll:done'
  | 'roll:undone'
  | 'breaker:opened'
  | 'breaker:closed'
  | 'outlier:found'
  | 'outlier:recovered'
  | 'events:lost';

export interface AppEvent {
  readonly type: 'app';
  readonly seq: number;
  readonly time: number;
  readonly name: AppEventName;
  /** Where it is about one service. */
  readonly service?: string;
  readonly reason: string;
  readonly evidence: Evidence;
}

export type TuttiEvent = InstanceEvent | AppEvent;

/** What `GET /events` answers: `oldest` and `last` are what is kept, so that a reader notices what it missed. */
export interface EventPage {
  readonly events: readonly TuttiEvent[];
  readonly oldest: number;
  readonly last: number;
}

const longestReason = 2_000;
export const mostEvidenceLines = 20;

export interface TransitionSeen {
  readonly before: SlotState;
  readonly after: SlotState;
  readonly cause: SlotEvent;
  /** Monotonic milliseconds. */
  readonly now: number;
}

/** How long the process was ready says whether its end counts as quick; code and signal say how it came; then how long it waits. */
function evidenceOf({ before, after, cause, now }: TransitionSeen): Evidence {
  const given = 'evidence' in cause ? cause.evidence : {};
  const waits = after.state === 'backoff' && after.wakeAt !== null;
  const again = waits ? { againInMs: Math.round(after.wakeAt - now) } : {};
  if (cause.type === 'spawn-failed') return { errno: cause.code, ...again };
  if (cause.type !== 'exited') return { ...given };
  return {
    code: cause.code,
    signal: cause.signal,
    pid: before.pid,
    readyForMs: before.readyAt === null ? null : Math.round(now - before.readyAt),
    ...again,
    ...given,
  };
}

export const instanceEvent = (
  seen: TransitionSeen,
  stamp: { readonly seq: number; readonly time: number },
): InstanceEvent => ({
  type: 'instance',
  ...stamp,
  instance: instanceId(seen.after),
  service: seen.after.service,
  from: seen.before.state,
  to: seen.after.state,
  reason: seen.after.reason.slice(0, longestReason),
  evidence: evidenceOf(seen),
  failures: seen.after.failures,
  crashLoop: seen.after.crashLoop,
});
