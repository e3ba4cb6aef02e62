/**
 * How many of whom there shall be, and who may start now. Makes slots that are wanted and drops those that are not any more;
 * the rules of the order are in core. Used by the running app, and by operations when a person changes what is wanted.
 */
import { availableParallelism } from 'node:os';
import { slotId } from '../../core/ids.ts';
import { hasProcess } from '../../core/instance-state.ts';
import { chooseSlots } from '../../core/rolling.ts';
import { decideStarts } from '../../core/start-order.ts';
import { stoppedByHand } from './overrides.ts';
import type { Overrides } from './overrides.ts';
import type { AppPlan } from './plan.ts';
import type { Slots } from './slots.ts';

export interface WantedNeeds {
  readonly plan: () => AppPlan;
  readonly overrides: Overrides;
  /** As the load of a service asks for; undefined: it is not asked. */
  readonly byLoad: (service: string) => number | undefined;
  readonly slots: Slots;
  readonly onAdded: (slot: { readonly service: string; readonly slot: number }) => void;
  readonly onDropped: (id: string) => void;
  /** A newcomer stands beside the one it replaces. */
  readonly isRolling: (service: string) => boolean;
}

export class Wanted {
  readonly #needs: WantedNeeds;
  /** Once a stop of the app began nothing is started any more. */
  #isStopping = false;
  #considering = false;

  constructor(needs: WantedNeeds) {
    this.#needs = needs;
  }

  count(service: string): number {
    const { overrides, plan, byLoad } = this.#needs;
    return overrides.replicas(service) ?? byLoad(service) ?? plan().services.get(service)?.replicas ?? 0;
  }

  get isStopping(): boolean {
    return this.#isStopping;
  }

  /** One more, beside those that are wanted. */
  add(service: string, slot: number): void {
    const { slots, onAdded } = this.#needs;
    slots.add(service, slot);
    onAdded({ service, slot });
    slots.dispatch(slotId({ service, slot }), { type: 'start' });
  }

  /**
   * Adds slots that are wanted and starts them, unless stopped by hand; stops those beyond.
   * `resume`: as a successor, which revives nobody who was given up or stopped alone.
   */
  apply(service: string, how: 'start' | 'resume' = 'start'): void {
    const { slots, overrides, onAdded, isRolling } = this.#needs;
    const count = this.count(service);
    for (const slot of chooseSlots(slots.of(service), count)) {
      slots.add(service, slot);
      onAdded({ service, slot });
    }
    const chosen = chooseSlots(slots.of(service), count + (isRolling(service) ? 1 : 0));
    for (const slot of slots.of(service)) {
      const id = slotId(slot);
      if (!chosen.includes(slot.slot))
        slots.dispatch(id, { type: 'stop', reason: `scaled to ${String(count)}` });
      else if (overrides.isStopped(service)) slots.dispatch(id, { type: 'stop', reason: stoppedByHand });
      else if (how === 'start' || (slot.state !== 'failed' && slot.reason !== stoppedByHand))
        slots.dispatch(id, { type: 'start' });
    }
    this.dropSurplus(service);
  }

  beginStop(): void {
    this.#isStopping = true;
  }

  /** Once per turn however many transitions there were: one of ours may cause the next. */
  consider(): void {
    if (this.#considering || this.#isStopping) return;
    this.#considering = true;
    queueMicrotask(() => {
      this.#considering = false;
      if (this.#isStopping) return;
      const { slots, plan } = this.#needs;
      const needs = (service: string): readonly string[] => plan().services.get(service)?.needs ?? [];
      const decisions = decideStarts(slots.all(), { needs, mostStarting: 2 * availableParallelism() });
      for (const { id, event } of decisions) slots.dispatch(id, event);
    });
  }

  dropSurplus(service: string): void {
    const { slots, onDropped, isRolling } = this.#needs;
    const all = slots.of(service);
    const chosen = chooseSlots(all, this.count(service) + (isRolling(service) ? 1 : 0));
    for (const slot of all) {
      if (chosen.includes(slot.slot) || hasProcess(slot) || slot.state !== 'stopped') continue;
      slots.remove(slotId(slot));
      onDropped(slotId(slot));
    }
  }
}
