/**
 * The life of one slot: a pure reducer `(slot, event, surroundings) -> (slot, commands)`. Its cases are the documentation.
 * Used by processes/supervisor, which carries out the commands. No timers here: `wakeAt` says when the slot wants `timer`.
 */
import type { Random } from './ports.ts';
import type { RestartPolicy } from './restart-policy.ts';
import { afterExit, spawnErrorPasses } from './restart-policy.ts';

export type InstanceState =
  'pending' | 'starting' | 'ready' | 'unready' | 'draining' | 'stopping' | 'backoff' | 'failed' | 'stopped';

/** What a reason rests on: exit code, readings of /proc, last lines of stderr. Small and flat; nothing of it is a secret. */
export type Evidence = Readonly<Record<string, unknown>>;

/** What is to happen once the process is gone; `judge`: nobody asked, the restart policy decides. */
export type AfterEnd = 'judge' | 'stop' | 'restart';

export interface SlotState {
  readonly service: string;
  readonly slot: number;
  /** Of the process that is or was last here; 0 before the first. */
  readonly epoch: number;
  readonly state: InstanceState;
  readonly reason: string;
  readonly pid: number | null;
  readonly processStart: number | null;
  /** Quick failures in a row. */
  readonly failures: number;
  readonly crashLoop: boolean;
  /** Starts that nobody asked for. */
  readonly restarts: number;
  readonly afterEnd: AfterEnd;
  /** Monotonic milliseconds of the spawn, of being ready, of the next `timer`. */
  readonly spawnedAt: number | null;
  readonly readyAt: number | null;
  readonly wakeAt: number | null;
  /** When it was told to finish; extensions are counted from here. */
  readonly drainingSince: number | null;
}

export interface StopPolicy {
  /** For in-flight work after a stop was asked for. */
  readonly drainTimeout: number;
  /** The same with all that `extend()` asked for. */
  readonly drainMax: number;
  /** From SIGTERM to SIGKILL. */
  readonly killAfter: number;
}

export type SlotEvent =
  | { readonly type: 'start' }
  | { readonly type: 'wait'; readonly reason: string }
  | { readonly type: 'go' }
  | { readonly type: 'spawned'; readonly pid: number; readonly processStart: number }
  | { readonly type: 'spawn-failed'; readonly code: string; readonly message: string }
  | { readonly type: 'opened' }
  | {
      readonly type: 'exited';
      readonly epoch: number;
      readonly code: number | null;
      readonly signal: string | null;
      readonly words?: string;
      readonly evidence?: Evidence;
    }
  | { readonly type: 'unfit'; readonly reason: string; readonly evidence?: Evidence }
  | { readonly type: 'fit' }
  /** It asks for this much more time, from now. */
  | { readonly type: 'extend'; readonly ms: number }
  /** `then`: it is no failure, and a new process follows at once; otherwise the policy judges. */
  | {
      readonly type: 'kill';
      readonly reason: string;
      readonly evidence?: Evidence;
      readonly then?: 'restart';
    }
  | { readonly type: 'stop'; readonly reason: string }
  | { readonly type: 'stop-now'; readonly reason: string }
  | { readonly type: 'restart'; readonly reason: string }
  | { readonly type: 'timer' };

export type SlotCommand = 'spawn' | 'drain' | 'term' | 'kill';

export interface Surroundings {
  readonly now: number;
  readonly random: Random;
  readonly restart: RestartPolicy;
  readonly stop: StopPolicy;
}

export interface Step {
  readonly slot: SlotState;
  readonly commands: readonly SlotCommand[];
}

const killEveryMs = 100;

export const newSlot = (service: string, slot: number): SlotState => ({
  service,
  slot,
  epoch: 0,
  state: 'stopped',
  reason: 'not started yet',
  pid: null,
  processStart: null,
  failures: 0,
  crashLoop: false,
  restarts: 0,
  afterEnd: 'judge',
  spawnedAt: null,
  readyAt: null,
  wakeAt: null,
  drainingSince: null,
});

/** Spawned, or about to be: there is a process to wait for. */
export const hasProcess = (slot: SlotState): boolean => slot.spawnedAt !== null;

const same = (slot: SlotState): Step => ({ slot, commands: [] });
const to = (slot: SlotState, change: Partial<SlotState>, ...commands: SlotCommand[]): Step => ({
  slot: { ...slot, ...change },
  commands,
});

const gone = {
  pid: null,
  processStart: null,
  spawnedAt: null,
  readyAt: null,
  wakeAt: null,
  drainingSince: null,
} as const;

/** The process is gone: what now? */
function settle(slot: SlotState, code: number | null, around: Surroundings): Step {
  if (slot.afterEnd === 'stop')
    return to(slot, { ...gone, state: 'stopped', afterEnd: 'judge', failures: 0, crashLoop: false });
  if (slot.afterEnd === 'restart')
    return to(slot, { ...gone, state: 'pending', afterEnd: 'judge', failures: 0, crashLoop: false });
  const readyForMs = slot.readyAt === null ? undefined : around.now - slot.readyAt;
  return judged({ ...slot, ...gone }, { code, failures: slot.failures, readyForMs }, around);
}

function judged(slot: SlotState, ended: Parameters<typeof afterExit>[0], around: Surroundings): Step {
  const verdict = afterExit(ended, around.restart, around.random);
  if (verdict.next === 'failed') {
    const why =
      verdict.why === 'config-refused'
        ? 'it refused its configuration'
        : `gave up after ${String(verdict.failures - 1)} restarts`;
    return to(slot, { state: 'failed', failures: verdict.failures, reason: `${slot.reason}; ${why}` });
  }
  const change = { failures: verdict.failures, crashLoop: verdict.crashLoop };
  if (verdict.delayMs === 0) return to(slot, { ...change, state: 'pending', restarts: slot.restarts + 1 });
  return to(slot, { ...change, state: 'backoff', wakeAt: around.now + verdict.delayMs });
}

/** What ended it, with its own last words where it had any. */
function exitText({ code, signal, words }: Extract<SlotEvent, { type: 'exited' }>): string {
  const how = signal === null ? `exited with code ${String(code)}` : `killed by ${signal}`;
  return words === undefined ? how : `${words} (${how})`;
}

/** Said by the keeper when nobody of the process group is left: a dead leader's children must not hold the port. */
function onExit(slot: SlotState, event: Extract<SlotEvent, { type: 'exited' }>, around: Surroundings): Step {
  if (event.epoch !== slot.epoch || slot.spawnedAt === null) return same(slot);
  const asked = slot.state === 'draining' || slot.state === 'stopping';
  return settle({ ...slot, reason: asked ? slot.reason : exitText(event) }, event.code, around);
}

function onTimer(slot: SlotState, around: Surroundings): Step {
  if (slot.wakeAt === null || around.now < slot.wakeAt) return same(slot);
  switch (slot.state) {
    case 'backoff':
      return to(slot, { state: 'pending', restarts: slot.restarts + 1, wakeAt: null });
    case 'starting':
      return to(
        slot,
        {
          state: 'stopping',
          reason: `not ready within ${String(around.restart.startTimeout)} ms`,
          wakeAt: around.now + killEveryMs,
        },
        'kill',
      );
    case 'draining':
      return to(slot, { state: 'stopping', wakeAt: around.now + around.stop.killAfter }, 'term');
    case 'stopping':
      return to(slot, { wakeAt: around.now + killEveryMs }, 'kill');
    // It has been ready for `minUptime`: what was before does not count any more.
    case 'ready':
    case 'unready':
      return to(slot, { wakeAt: null, failures: 0, crashLoop: false });
    case 'pending':
    case 'failed':
    case 'stopped':
      return to(slot, { wakeAt: null });
  }
}

/** Moves the end of the drain and what comes after it, never nearer and never beyond `drainMax`. */
function onExtend(slot: SlotState, ms: number, around: Surroundings): Step {
  if (slot.state !== 'draining' || slot.wakeAt === null) return same(slot);
  const latest =
    (slot.drainingSince ?? around.now) + Math.max(around.stop.drainMax, around.stop.drainTimeout);
  const wakeAt = Math.max(slot.wakeAt, Math.min(around.now + ms, latest));
  return wakeAt === slot.wakeAt ? same(slot) : to(slot, { wakeAt });
}

/** A stop always beats a pending restart, and a restart that was asked for beats the policy. */
function onEndAsked(
  slot: SlotState,
  ask: { readonly afterEnd: AfterEnd; readonly reason: string },
  around: Surroundings,
): Step {
  const { afterEnd, reason } = ask;
  if (!hasProcess(slot)) {
    if (afterEnd === 'restart')
      return to(slot, { state: 'pending', reason, failures: 0, crashLoop: false, wakeAt: null });
    return slot.state === 'stopped'
      ? same(slot)
      : to(slot, { state: 'stopped', reason, failures: 0, crashLoop: false, wakeAt: null });
  }
  const wished = { afterEnd: slot.afterEnd === 'stop' ? 'stop' : afterEnd } as const;
  if (slot.state === 'draining' || slot.state === 'stopping') return to(slot, wished);
  // Nothing to finish before it was ever ready: straight to SIGTERM.
  if (slot.state === 'starting')
    return to(
      slot,
      { ...wished, state: 'stopping', reason, wakeAt: around.now + around.stop.killAfter },
      'term',
    );
  return to(
    slot,
    {
      ...{ ...wished, state: 'draining', reason, drainingSince: around.now },
      wakeAt: around.now + around.stop.drainTimeout,
    },
    'drain',
  );
}

function onSpawnFailed(
  slot: SlotState,
  event: Extract<SlotEvent, { type: 'spawn-failed' }>,
  around: Surroundings,
): Step {
  if (!hasProcess(slot)) return same(slot);
  const unborn = { ...slot, reason: `could not be spawned: ${event.message}` };
  if (slot.afterEnd !== 'judge') return settle(unborn, null, around);
  if (!spawnErrorPasses(event.code)) return to(unborn, { ...gone, state: 'failed' });
  return judged(
    { ...unborn, ...gone },
    { code: null, failures: slot.failures, readyForMs: undefined },
    around,
  );
}

export function reduceSlot(slot: SlotState, event: SlotEvent, around: Surroundings): Step {
  switch (event.type) {
    case 'start':
      if (slot.state !== 'stopped' && slot.state !== 'failed')
        return slot.afterEnd === 'stop' ? to(slot, { afterEnd: 'restart' }) : same(slot);
      return to(slot, {
        state: 'pending',
        reason: 'asked to start',
        failures: 0,
        crashLoop: false,
        afterEnd: 'judge',
      });
    case 'wait':
      return slot.state === 'pending' && slot.reason !== event.reason
        ? to(slot, { reason: event.reason })
        : same(slot);
    case 'go':
      if (slot.state !== 'pending') return same(slot);
      return to(
        slot,
        {
          state: 'starting',
          reason: 'starting',
          epoch: slot.epoch + 1,
          spawnedAt: around.now,
          wakeAt: around.now + around.restart.startTimeout,
        },
        'spawn',
      );
    case 'spawned': {
      if (!hasProcess(slot)) return same(slot);
      const born = { pid: event.pid, processStart: event.processStart };
      // A stop may have come while the spawn was under way: it could not be signalled then.
      return slot.state === 'stopping' ? to(slot, born, 'term') : to(slot, born);
    }
    case 'spawn-failed':
      return onSpawnFailed(slot, event, around);
    case 'opened':
      if (slot.state !== 'starting') return same(slot);
      return to(slot, {
        ...{ state: 'ready', reason: 'ready', readyAt: around.now },
        wakeAt: slot.failures === 0 ? null : around.now + around.restart.minUptime,
      });
    case 'exited':
      return onExit(slot, event, around);
    case 'unfit':
      if (slot.state === 'unready' && slot.reason !== event.reason) return to(slot, { reason: event.reason });
      return slot.state === 'ready' ? to(slot, { state: 'unready', reason: event.reason }) : same(slot);
    case 'fit':
      return slot.state === 'unready' ? to(slot, { state: 'ready', reason: 'ready again' }) : same(slot);
    case 'extend':
      return onExtend(slot, event.ms, around);
    case 'kill':
      if (!hasProcess(slot) || slot.state === 'stopping') return same(slot);
      return to(
        slot,
        {
          ...{ state: 'stopping', reason: event.reason, wakeAt: around.now + killEveryMs },
          ...(slot.afterEnd === 'judge' ? { afterEnd: event.then ?? 'judge' } : {}),
        },
        'kill',
      );
    case 'stop':
      return onEndAsked(slot, { afterEnd: 'stop', reason: event.reason }, around);
    case 'restart':
      return onEndAsked(slot, { afterEnd: 'restart', reason: event.reason }, around);
    case 'stop-now':
      if (!hasProcess(slot)) return onEndAsked(slot, { afterEnd: 'stop', reason: event.reason }, around);
      return to(
        slot,
        { state: 'stopping', afterEnd: 'stop', reason: event.reason, wakeAt: around.now + killEveryMs },
        'kill',
      );
    case 'timer':
      return onTimer(slot, around);
  }
}
