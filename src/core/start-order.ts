/**
 * Decides which of those who are wanted may start now: those whose needs are ready, a few at a time. Pure.
 * The others learn what they wait for.
 */
import { slotId } from './ids.ts';
import type { SlotEvent, SlotState } from './instance-state.ts';

export interface StartNeeds {
  /** Names of services; a need is met when one of its instances is ready. */
  readonly needs: (service: string) => readonly string[];
  /** Processes that start at the same time. */
  readonly mostStarting: number;
}

export interface StartDecision {
  readonly id: string;
  readonly event: Extract<SlotEvent, { type: 'go' | 'wait' }>;
}

export function decideStarts(
  slots: readonly SlotState[],
  { needs, mostStarting }: StartNeeds,
): StartDecision[] {
  const ready = new Set(slots.filter(({ state }) => state === 'ready').map(({ service }) => service));
  let free = mostStarting - slots.filter(({ state }) => state === 'starting').length;
  return slots
    .filter(({ state }) => state === 'pending')
    .map((slot): StartDecision => {
      const id = slotId(slot);
      const unmet = needs(slot.service).find((need) => !ready.has(need));
      if (unmet !== undefined) return { id, event: { type: 'wait', reason: `waits for ${unmet}` } };
      free -= 1;
      return free >= 0
        ? { id, event: { type: 'go' } }
        : { id, event: { type: 'wait', reason: 'waits for others to start first' } };
    });
}
