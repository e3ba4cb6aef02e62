/**
 * Tells of handlers that run past their own deadline, by name: their callers have given up, and whoever looks at a busy instance wants
 * to know what it is busy with. Used by the call desk. A loop that never ends is never told here: nothing else runs then.
 */
import type { Clock, Timer } from '../core/ports.ts';
import type { MeshLog } from './mesh-log.ts';
import type { ServedCall } from './served-call.ts';

export interface OverdueCallsNeeds {
  readonly clock: Clock;
  readonly log: MeshLog;
  readonly nameOf: (call: ServedCall) => string;
}

const sweepMs = 1_000;
/** Of one action. With a store that is down every call is late, and one line says as much as a thousand. */
const toldEveryMs = 10_000;

export class OverdueCalls {
  readonly #needs: OverdueCallsNeeds;
  /**
   * Those that have not ended within their first turn, each knows its place. As many as the actions admit at once. Not a Set, for the
   * reason that `Numbered` tells.
   */
  readonly #running: ServedCall[] = [];
  /** By action: when it was told last, and calls since. */
  readonly #told = new Map<string, { at: number; calls: number }>();
  #timer: Timer | undefined;

  constructor(needs: OverdueCallsNeeds) {
    this.#needs = needs;
  }

  started(call: ServedCall): void {
    if (call.served.isEvent) return;
    call.runningAt = this.#running.push(call) - 1;
    this.#timer ??= this.#needs.clock.after(sweepMs, this.#sweep);
  }

  /** Each call is told once, while it runs or at its end. */
  ended(call: ServedCall, now: number): void {
    if (call.runningAt >= 0) this.#remove(call);
    this.#look(call, now);
  }

  /** The last one takes its place. */
  #remove(call: ServedCall): void {
    const last = this.#running.pop();
    if (last !== undefined && last !== call) {
      this.#running[call.runningAt] = last;
      last.runningAt = call.runningAt;
    }
    call.runningAt = -1;
  }

  close(): void {
    this.#timer?.cancel();
  }

  readonly #sweep = (): void => {
    const now = this.#needs.clock.now();
    for (const call of this.#running) this.#look(call, now);
    this.#timer = this.#running.length > 0 ? this.#needs.clock.after(sweepMs, this.#sweep) : undefined;
  };

  #look(call: ServedCall, now: number): void {
    const lateMs = Math.round(now - call.context.deadline);
    if (lateMs <= 0 || call.isToldLate || call.served.isEvent) return;
    call.isToldLate = true;
    const action = this.#needs.nameOf(call);
    const told = this.#told.get(action) ?? { at: -Infinity, calls: 0 };
    told.calls += 1;
    this.#told.set(action, told);
    if (now - told.at < toldEveryMs) return;
    const { requestId, caller } = call.context;
    const fields = { action, lateMs, requestId, caller, calls: told.calls };
    this.#told.set(action, { at: now, calls: 0 });
    this.#needs.log('warn', 'A handler ran past its deadline', fields);
  }
}
