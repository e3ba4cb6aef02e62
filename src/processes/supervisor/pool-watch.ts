/**
 * Looks at the call that each instance of a pool has written down, ends the instance when that call has run too long, and has it replaced
 * when it has served enough. From without: a call that never ends holds the event loop of its own process. The rules are in core/pool.
 */
import { slotId } from '../../core/ids.ts';
import type { SlotEvent, SlotState } from '../../core/instance-state.ts';
import { callEndReason, lookAgainAfterMs } from '../../core/pool.ts';
import type { CallEnd, PoolPolicy } from '../../core/pool.ts';
import type { Clock, Timer } from '../../core/ports.ts';
import type { SlotRecord } from '../../os/statistics-slots.ts';

export interface PoolWatchNeeds {
  readonly clock: Clock;
  readonly slots: () => readonly SlotState[];
  readonly policy: (service: string) => PoolPolicy | undefined;
  /** What its process wrote last; undefined: nothing yet. */
  readonly record: (slot: SlotState) => SlotRecord | undefined;
  /** The action in that place of the manifest. */
  readonly actionAt: (service: string, index: number) => string;
  readonly dispatch: (id: string, event: SlotEvent) => void;
  readonly recycle: (slot: SlotState, reason: string) => void;
}

/** When there are no pools: `tutti dev` may bring one. */
const idleMs = 1_000;

export class PoolWatch {
  readonly #needs: PoolWatchNeeds;
  /** Process of each slot that was to be replaced already. */
  readonly #recycled = new Map<string, number>();
  #timer: Timer | undefined;

  constructor(needs: PoolWatchNeeds) {
    this.#needs = needs;
    this.#later(idleMs);
  }

  close(): void {
    this.#timer?.cancel();
  }

  #later(afterMs: number): void {
    this.#timer = this.#needs.clock.after(afterMs, () => {
      this.#later(this.#lookAtAll());
    });
  }

  /** Gives when to look again. */
  #lookAtAll(): number {
    const { clock, slots, policy } = this.#needs;
    const limits: number[] = [];
    const ends: number[] = [];
    for (const slot of slots()) {
      const pool = policy(slot.service);
      if (pool === undefined) continue;
      limits.push(pool.callLimit);
      const endsBy = this.#look(slot, pool);
      if (endsBy !== undefined) ends.push(endsBy);
    }
    return limits.length === 0 ? idleMs : lookAgainAfterMs(clock.now(), limits, ends);
  }

  /** Gives when its call must have ended. */
  #look(slot: SlotState, pool: PoolPolicy): number | undefined {
    if (slot.state !== 'ready' && slot.state !== 'unready' && slot.state !== 'draining') return undefined;
    const record = this.#needs.record(slot);
    if (record === undefined) return undefined;
    if (slot.state !== 'draining') this.#recycle(slot, record.poolCalls, pool);
    if (record.callEndsBy === 0) return undefined;
    if (this.#needs.clock.now() < record.callEndsBy) return record.callEndsBy;
    this.#end(slot, record, pool);
    return undefined;
  }

  #end(slot: SlotState, { callAction, callUnwanted }: SlotRecord, pool: PoolPolicy): void {
    const why: CallEnd = callUnwanted === 1 ? 'unwanted' : 'limit';
    const action = `${slot.service}.${this.#needs.actionAt(slot.service, callAction)}`;
    this.#needs.dispatch(slotId(slot), {
      type: 'kill',
      reason: callEndReason(why, action, pool),
      evidence: { verdict: `call-${why}`, action, callLimitMs: pool.callLimit },
      then: 'restart',
    });
  }

  #recycle(slot: SlotState, calls: number, { recycleAfter = Infinity }: PoolPolicy): void {
    const id = slotId(slot);
    if (calls < recycleAfter || this.#recycled.get(id) === slot.epoch) return;
    this.#recycled.set(id, slot.epoch);
    this.#needs.recycle(
      slot,
      `${id} has served ${String(calls)} calls (recycleAfter ${String(recycleAfter)})`,
    );
  }
}
