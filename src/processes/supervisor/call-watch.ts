/**
 * Looks at the call that each instance of a pool has written down, and at the job that each isolated one has; ends the instance when that has run too long, and
 * has one of a pool replaced when it has served enough. From without: what never ends holds the event loop of its own process. The rules are in core/pool and
 * core/isolation.
 */
import { slotId } from '../../core/ids.ts';
import type { InstanceRef } from '../../core/ids.ts';
import type { Evidence, SlotEvent, SlotState } from '../../core/instance-state.ts';
import { jobEndReason, jobEnds } from '../../core/isolation.ts';
import type { Isolation, JobEnd, JobNamed } from '../../core/isolation.ts';
import { callEndReason, lookAgainAfterMs } from '../../core/pool.ts';
import type { CallEnd, PoolPolicy } from '../../core/pool.ts';
import type { Clock, Timer } from '../../core/ports.ts';
import type { ServiceManifest } from '../../define/manifest.ts';
import type { SlotRecord } from '../../os/statistics-slots.ts';
import type { AppPlan } from './plan.ts';

export interface CallWatchNeeds {
  readonly clock: Clock;
  readonly slots: () => readonly SlotState[];
  readonly plan: () => AppPlan;
  /** What its process wrote last; undefined: nothing yet. */
  readonly record: (slot: SlotState) => SlotRecord | undefined;
  readonly dispatch: (id: string, event: SlotEvent) => void;
  readonly recycle: (slot: SlotState, reason: string) => void;
}

/** What is watched of the instances of one service. */
interface Watched {
  readonly manifest: ServiceManifest | undefined;
  readonly pool: PoolPolicy | undefined;
  readonly isolate: Isolation | undefined;
}

/** When there is nothing to watch: `tutti dev` may bring it. */
const idleMs = 1_000;

export class CallWatch {
  readonly #needs: CallWatchNeeds;
  /** Process of each slot that was to be replaced already. */
  readonly #recycled = new Map<string, number>();
  #timer: Timer | undefined;

  constructor(needs: CallWatchNeeds) {
    this.#needs = needs;
    this.#later(idleMs);
  }

  close(): void {
    this.#timer?.cancel();
  }

  /** A job was cancelled, and its process, which may stand still, has not taken that for all of its grace. */
  unheard(instance: InstanceRef, job: JobNamed): void {
    const slot = this.#needs.slots().find((one) => slotId(one) === slotId(instance));
    const { isolate } = this.#watched(instance.service);
    if (slot?.epoch === instance.epoch && isolate !== undefined)
      this.#endJob(slot, { why: 'cancelled', job, isolate });
  }

  #watched(service: string): Watched {
    const { services, manifest } = this.#needs.plan();
    const own = manifest.services[service];
    return { manifest: own, pool: services.get(service)?.pool, isolate: own?.isolate };
  }

  #later(afterMs: number): void {
    this.#timer = this.#needs.clock.after(afterMs, () => {
      this.#later(this.#lookAtAll());
    });
  }

  /** Gives when to look again. */
  #lookAtAll(): number {
    const { clock, slots } = this.#needs;
    const limits: number[] = [];
    const ends: number[] = [];
    for (const slot of slots()) {
      const watched = this.#watched(slot.service);
      const limit = watched.pool?.callLimit ?? watched.isolate?.graceMs;
      if (limit === undefined) continue;
      limits.push(limit);
      const endsBy = this.#look(slot, watched);
      if (endsBy !== undefined) ends.push(endsBy);
    }
    return limits.length === 0 ? idleMs : lookAgainAfterMs(clock.now(), limits, ends);
  }

  /** Gives when what runs there must have ended. */
  #look(slot: SlotState, watched: Watched): number | undefined {
    if (slot.state !== 'ready' && slot.state !== 'unready' && slot.state !== 'draining') return undefined;
    const record = this.#needs.record(slot);
    if (record === undefined) return undefined;
    if (slot.state !== 'draining') this.#recycle(slot, record.poolCalls, watched.pool);
    if (record.callEndsBy === 0) return undefined;
    if (this.#needs.clock.now() < record.callEndsBy) return record.callEndsBy;
    this.#end(slot, record, watched);
    return undefined;
  }

  #end(slot: SlotState, record: SlotRecord, { manifest, pool, isolate }: Watched): void {
    const { callAction, callUnwanted, callNumber: number } = record;
    if (pool !== undefined) {
      const why: CallEnd = callUnwanted === 1 ? 'unwanted' : 'limit';
      const action = `${slot.service}.${nameAt(manifest?.actions, callAction)}`;
      const evidence = { verdict: `call-${why}`, action, callLimitMs: pool.callLimit };
      this.#kill(slot, callEndReason(why, action, pool), evidence);
    } else if (isolate !== undefined) {
      const job = { queue: nameAt(manifest?.queues, callAction), number };
      this.#endJob(slot, { why: jobEnds[callUnwanted] ?? 'timeout', job, isolate });
    }
  }

  #endJob(
    slot: SlotState,
    { why, job, isolate }: { readonly why: JobEnd; readonly job: JobNamed; readonly isolate: Isolation },
  ): void {
    this.#kill(slot, jobEndReason(why, job, isolate), { verdict: `job-${why}`, ...job, ...isolate });
  }

  /** It is no failure of the process. */
  #kill(slot: SlotState, reason: string, evidence: Evidence): void {
    this.#needs.dispatch(slotId(slot), { type: 'kill', reason, evidence, then: 'restart' });
  }

  #recycle(slot: SlotState, calls: number, pool: PoolPolicy | undefined): void {
    const id = slotId(slot);
    const recycleAfter = pool?.recycleAfter ?? Infinity;
    if (calls < recycleAfter || this.#recycled.get(id) === slot.epoch) return;
    this.#recycled.set(id, slot.epoch);
    this.#needs.recycle(
      slot,
      `${id} has served ${String(calls)} calls (recycleAfter ${String(recycleAfter)})`,
    );
  }
}

const nameAt = (named: object | undefined, index: number): string => Object.keys(named ?? {})[index] ?? '?';
