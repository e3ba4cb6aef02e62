/**
 * Carries out rolls: one service's instances replaced one at a time. The decisions are in core/rolling; here a step is taken after each
 * transition, remembered for a successor, and told as an event. One roll per service; what is asked for meanwhile joins it.
 */
import { isPlainObject } from '../../core/options.ts';
import { slotId } from '../../core/ids.ts';
import type { Evidence, SlotState } from '../../core/instance-state.ts';
import type { Clock, Timer } from '../../core/ports.ts';
import { newRoll, nextRollStep } from '../../core/rolling.ts';
import type { Roll } from '../../core/rolling.ts';
import type { EventLog } from './event-log.ts';
import type { Welcome } from './keeper-link.ts';
import type { ServicePlan } from './plan.ts';
import type { Slots } from './slots.ts';
import type { Wanted } from './wanted.ts';

export interface RollsNeeds {
  readonly clock: Clock;
  readonly slots: Slots;
  readonly wanted: Wanted;
  readonly events: EventLog;
  readonly planOf: (service: string) => ServicePlan;
  /** For a successor; null: it is over. */
  readonly remember: (key: string, roll: Roll | null) => void;
}

const memoPrefix = 'roll:';
/** For a newcomer beyond its own `startTimeout`: it may have to wait for a need, or for others to start. */
const patienceMs = 10_000;

export class Rolls {
  readonly #needs: RollsNeeds;
  readonly #rolls = new Map<string, Roll>();
  readonly #timers = new Map<string, Timer>();

  constructor(needs: RollsNeeds) {
    this.#needs = needs;
  }

  isRolling(service: string): boolean {
    return this.#rolls.has(service);
  }

  /** Replaces those of `old` that have a process. Another roll of the service that is under way takes them in. */
  begin(service: string, reason: string, old: readonly SlotState[]): void {
    const roll = newRoll(service, reason, old);
    const current = this.#rolls.get(service);
    if (current === undefined) {
      this.#needs.events.note({
        name: 'roll:started',
        service,
        reason,
        evidence: { instances: old.map(slotId) },
      });
      this.#set(roll);
    } else this.#set({ ...current, left: [...new Set([...current.left, ...roll.left])] });
    this.consider(service);
  }

  /** Who takes more memory than it may. */
  replaceGrown(slot: SlotState, { rssBytes, maxBytes }: Evidence): void {
    const mebibytes = (bytes: unknown): string => `${String(Math.round(Number(bytes) / 2 ** 20))} MiB`;
    const reason = `memory ${mebibytes(rssBytes)} is over memoryMax ${mebibytes(maxBytes)}`;
    this.begin(slot.service, `${slotId(slot)}: ${reason}`, [slot]);
  }

  /** As a predecessor left them; to be called when the slots are restored and before anybody is started or stopped. */
  restore(memos: Welcome['memos']): void {
    for (const [key, memo] of Object.entries(memos)) {
      if (!key.startsWith(memoPrefix) || !isPlainObject(memo)) continue;
      const roll = memo as unknown as Roll;
      const isKnown = this.#needs.slots.of(roll.service).some(({ slot }) => slot === roll.newcomer);
      // Remembered before the newcomer was made: it never was.
      this.#set(isKnown ? roll : { ...roll, newcomer: null });
    }
  }

  /** Nobody is to take over any more. Whoever is there is the caller's to stop. */
  undo(service: string, reason: string): void {
    const roll = this.#rolls.get(service);
    if (roll !== undefined) this.#end(roll, 'roll:undone', reason);
  }

  /** After each transition of the service. */
  consider(service: string): void {
    // Not within the transition: a step causes the next one.
    queueMicrotask(() => {
      this.#step(service);
    });
  }

  considerAll(): void {
    for (const service of this.#rolls.keys()) this.consider(service);
  }

  close(): void {
    for (const timer of this.#timers.values()) timer.cancel();
  }

  #step(service: string): void {
    const { slots, wanted, clock, planOf } = this.#needs;
    const roll = this.#rolls.get(service);
    if (roll === undefined || wanted.isStopping) return;
    // Gone from the app, in `tutti dev`, when a predecessor died over it.
    if (slots.of(service).length === 0) {
      this.#end(roll, 'roll:undone', 'the service is gone');
      return;
    }
    const limitMs = planOf(service).restart.startTimeout + patienceMs;
    const step = nextRollStep(roll, slots.of(service), { now: clock.now(), limitMs });
    switch (step.do) {
      case 'wait':
        return;
      case 'add':
        this.#set(step.roll);
        this.#arm(service, limitMs);
        wanted.add(service, step.slot);
        return;
      case 'stop':
        this.#set(step.roll);
        slots.dispatch(slotId({ service, slot: step.slot }), { type: 'stop', reason: step.reason });
        this.consider(service);
        return;
      case 'done':
        this.#end(roll, 'roll:done', `${String(roll.replaced)} replaced: ${roll.reason}`);
        return;
      case 'undo':
        this.#turnBack(roll, step);
    }
  }

  /** The old ones were never touched; the newcomer goes. */
  #turnBack(roll: Roll, { slot, reason }: { readonly slot: number | null; readonly reason: string }): void {
    const { service } = roll;
    this.#end(
      roll,
      'roll:undone',
      `${slot === null ? service : slotId({ service, slot })} did not become ready: ${reason}`,
    );
    if (slot !== null)
      this.#needs.slots.dispatch(slotId({ service, slot }), {
        type: 'stop',
        reason: `the roll was undone: ${reason}`,
      });
  }

  #end({ service, replaced, left }: Roll, name: 'roll:done' | 'roll:undone', reason: string): void {
    this.#rolls.delete(service);
    this.#timers.get(service)?.cancel();
    this.#timers.delete(service);
    this.#needs.remember(`${memoPrefix}${service}`, null);
    this.#needs.events.note({ name, service, reason, evidence: { replaced, left: left.length } });
    this.#needs.wanted.dropSurplus(service);
  }

  #set(roll: Roll): void {
    this.#rolls.set(roll.service, roll);
    this.#needs.remember(`${memoPrefix}${roll.service}`, roll);
  }

  #arm(service: string, limitMs: number): void {
    this.#timers.get(service)?.cancel();
    this.#timers.set(
      service,
      this.#needs.clock.after(limitMs, () => {
        this.consider(service);
      }),
    );
  }
}
