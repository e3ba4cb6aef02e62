/** What must hold in every world, said a second time and in another way than the code under test says it. Throws at what does not. */
import type { InstanceState, SlotEvent, SlotState, StopPolicy } from '../../../src/core/instance-state.ts';
import { hasProcess } from '../../../src/core/instance-state.ts';
import { slotId } from '../../../src/core/ids.ts';
import type { RestartPolicy } from '../../../src/core/restart-policy.ts';
import type { Transition } from '../../../src/processes/supervisor/slots.ts';

/** Edges of the graph of states; to itself is always allowed. */
const edges: Readonly<Record<InstanceState, readonly InstanceState[]>> = {
  pending: ['starting', 'stopped'],
  starting: ['ready', 'stopping', 'pending', 'backoff', 'failed'],
  ready: ['unready', 'draining', 'stopping', 'pending', 'backoff', 'failed'],
  unready: ['ready', 'draining', 'stopping', 'pending', 'backoff', 'failed'],
  draining: ['stopping', 'stopped', 'pending'],
  stopping: ['stopped', 'pending', 'backoff', 'failed'],
  backoff: ['pending', 'stopped'],
  failed: ['pending', 'stopped'],
  stopped: ['pending'],
};
const timed: ReadonlySet<InstanceState> = new Set(['starting', 'draining', 'stopping', 'backoff']);
const lively: ReadonlySet<InstanceState> = new Set(['starting', 'ready', 'unready', 'draining', 'stopping']);
/** Timers, messages and the last look of a stop take their time. */
const slackMs = 5_000;

export function must(isSo: boolean, what: string): asserts isSo {
  if (!isSo) throw new Error(what);
}

interface Known {
  /** What the last who asked wanted: that it runs. */
  wanted: boolean;
  failures: number;
  readyAt: number | undefined;
  /** Of the time since it was told to end, what was ours: not of a disk, not of a supervisor that was away. */
  endingMs: number;
}

export class Oracle {
  readonly #known = new Map<string, Known>();
  readonly #restart: RestartPolicy;
  readonly #stop: StopPolicy;

  constructor(restart: RestartPolicy, stop: StopPolicy) {
    this.#restart = restart;
    this.#stop = stop;
  }

  wants(id: string): boolean {
    return this.#of(id).wanted;
  }

  /** Before it is dispatched. */
  asked(slot: SlotState, event: SlotEvent): void {
    const known = this.#of(slotId(slot));
    // A stop that is under way beats a restart; a start after it counts.
    const isBeaten = hasProcess(slot) && slot.afterEnd === 'stop';
    if (event.type === 'start' || (event.type === 'restart' && !isBeaten)) known.wanted = true;
    if (event.type === 'stop' || event.type === 'stop-now') known.wanted = false;
    // Who has no process begins anew at once; the others when theirs has ended.
    if (!hasProcess(slot) && (event.type !== 'start' || slot.state === 'failed' || slot.state === 'stopped'))
      known.failures = 0;
  }

  spawned(id: string): void {
    must(this.#of(id).wanted, `${id} is started after a stop that nobody took back`);
  }

  /** @param now what the supervisor's clock says. */
  transition({ before, after, cause }: Transition, now: number): void {
    if (before.state === after.state) return;
    const id = slotId(after);
    const known = this.#of(id);
    must(edges[before.state].includes(after.state), `${id}: ${before.state} -> ${after.state}`);
    if (after.state === 'ready' && before.state === 'starting') known.readyAt = now;
    this.#count(known, { before, after, cause }, now);
    if (after.state === 'backoff') this.#checkDelay(after, now);
    if (after.state === 'draining' || (after.state === 'stopping' && before.state !== 'draining'))
      known.endingMs = 0;
  }

  /** Failures a second time: from ends, uptimes and what was asked. */
  #count(known: Known, { before, after, cause }: Transition, now: number): void {
    const ended = hasProcess(before) && !hasProcess(after);
    if (!ended) return;
    const { readyAt } = known;
    known.readyAt = undefined;
    if (before.afterEnd !== 'judge') {
      known.failures = 0;
      return;
    }
    const isQuick = readyAt === undefined || now - readyAt < this.#restart.minUptime;
    const isHopeless = cause.type === 'spawn-failed' && cause.code === 'ENOENT';
    if (!isHopeless) known.failures = isQuick ? known.failures + 1 : 1;
    must(
      after.failures === known.failures,
      `${slotId(after)}: ${String(after.failures)} failures are ${String(known.failures)}`,
    );
    const { maxRestarts = Infinity } = this.#restart;
    const isRefused = cause.type === 'exited' && cause.code === 78;
    const gaveUp = isHopeless || isRefused || known.failures > maxRestarts;
    must(
      (after.state === 'failed') === gaveUp,
      `${slotId(after)}: ${after.state} after ${String(known.failures)} failures`,
    );
    must(after.state !== 'pending' || known.failures === 1, 'only a first failure is answered at once');
  }

  #checkDelay({ wakeAt, failures }: SlotState, now: number): void {
    const middle = Math.min(this.#restart.maxDelay, 250 * 2 ** (failures - 2));
    const delay = (wakeAt ?? 0) - now;
    must(
      delay >= 0.8 * middle - 1 && delay <= 1.2 * middle + 1,
      `${String(delay)} ms after ${String(failures)} failures`,
    );
  }

  /** After each step in which the supervisor could act. @param passedMs since the last one, unless nobody could help. */
  look(
    slot: SlotState,
    { now, passedMs, actsSince }: { now: number; passedMs: number; actsSince: number },
  ): void {
    const known = this.#of(slotId(slot));
    const id = `${slotId(slot)} in ${slot.state}`;
    must(!timed.has(slot.state) || slot.wakeAt !== null, `${id} has no timer`);
    must(
      slot.wakeAt === null || now - Math.max(slot.wakeAt, actsSince) <= slackMs,
      `${id} slept through its timer`,
    );
    must(hasProcess(slot) === lively.has(slot.state), `${id}: process or not`);
    must(
      slot.state === 'stopped' || slot.state === 'failed' || known.wanted || hasProcess(slot),
      `${id} though stopped`,
    );
    if (slot.state !== 'draining' && slot.state !== 'stopping') return;
    known.endingMs += passedMs;
    const { drainTimeout, drainMax, killAfter } = this.#stop;
    must(known.endingMs <= Math.max(drainTimeout, drainMax) + killAfter + slackMs, `${id} does not end`);
  }

  #of(id: string): Known {
    let known = this.#known.get(id);
    if (known === undefined) {
      known = { wanted: false, failures: 0, readyAt: undefined, endingMs: 0 };
      this.#known.set(id, known);
    }
    return known;
  }
}
