/**
 * Replaces the instances of a service one at a time: the new one is ready before the old one drains, and one that does not become
 * ready ends the roll with the old ones in place. Pure; processes/supervisor/rolls carries the steps out.
 */
import { slotId } from './ids.ts';
import type { SlotState } from './instance-state.ts';
import { hasProcess } from './instance-state.ts';

export interface Roll {
  readonly service: string;
  readonly reason: string;
  /** `1@3`: slot and epoch of those still to be replaced. One that ended by itself meanwhile is new already. */
  readonly left: readonly string[];
  /** Slot of the one that shall take over. */
  readonly newcomer: number | null;
  /** Monotonic milliseconds at which the newcomer was wanted. */
  readonly since: number;
  /** Slot of the one that drains. */
  readonly leaving: number | null;
  readonly replaced: number;
}

export type RollStep =
  | { readonly do: 'wait' }
  | { readonly do: 'add'; readonly slot: number; readonly roll: Roll }
  | { readonly do: 'stop'; readonly slot: number; readonly reason: string; readonly roll: Roll }
  | { readonly do: 'done' }
  | { readonly do: 'undo'; readonly slot: number | null; readonly reason: string };

export const rollKey = ({ slot, epoch }: { readonly slot: number; readonly epoch: number }): string =>
  `${String(slot)}@${String(epoch)}`;

export const newRoll = (service: string, reason: string, old: readonly SlotState[]): Roll => ({
  ...{ service, reason, newcomer: null, since: 0, leaving: null, replaced: 0 },
  left: old.filter(hasProcess).map(rollKey),
});

/** One that leaves already, or is about to, needs nobody in its place. */
export const isStaying = ({ state, afterEnd }: SlotState): boolean =>
  state !== 'draining' && state !== 'stopping' && afterEnd !== 'stop';

function lowestFree(slots: readonly SlotState[]): number {
  const taken = new Set(slots.map(({ slot }) => slot));
  let free = 1;
  while (taken.has(free)) free += 1;
  return free;
}

function whyNot(newcomer: SlotState | undefined): string | undefined {
  if (newcomer === undefined) return 'it was taken away';
  const { state, failures, reason } = newcomer;
  if (failures > 0 || state === 'failed' || state === 'backoff') return reason;
  return !isStaying(newcomer) || state === 'stopped' ? reason : undefined;
}

/** @param limitMs for a newcomer, from being wanted to being ready. */
export function nextRollStep(
  roll: Roll,
  slots: readonly SlotState[],
  { now, limitMs }: { readonly now: number; readonly limitMs: number },
): RollStep {
  const of = (number: number | null): SlotState | undefined => slots.find(({ slot }) => slot === number);
  const left = slots.filter(
    (slot) => roll.left.includes(rollKey(slot)) && hasProcess(slot) && isStaying(slot),
  );
  const target = left.at(0);
  if (roll.newcomer === null) {
    const leaving = of(roll.leaving);
    if (leaving !== undefined && hasProcess(leaving)) return { do: 'wait' };
    if (target === undefined) return { do: 'done' };
    const slot = lowestFree(slots);
    return {
      do: 'add',
      slot,
      roll: { ...roll, left: left.map(rollKey), newcomer: slot, since: now, leaving: null },
    };
  }
  const newcomer = of(roll.newcomer);
  const problem = whyNot(newcomer);
  if (newcomer === undefined || problem !== undefined)
    return { do: 'undo', slot: newcomer === undefined ? null : roll.newcomer, reason: problem ?? '' };
  if (newcomer.state === 'ready') return handOver(roll, newcomer, target);
  if (now - roll.since < limitMs) return { do: 'wait' };
  const reason = `it was not ready within ${String(Math.round(limitMs / 1_000))} s (${newcomer.reason})`;
  return { do: 'undo', slot: roll.newcomer, reason };
}

/** Nobody left to relieve: the old one ended by itself meanwhile and is new already, so the newcomer is one too many. */
function handOver(roll: Roll, newcomer: SlotState, target: SlotState | undefined): RollStep {
  const leaver = target ?? newcomer;
  const by = target === undefined ? 'nobody is left to be replaced' : `replaced by ${slotId(newcomer)}`;
  return {
    do: 'stop',
    slot: leaver.slot,
    reason: `${by}: ${roll.reason}`,
    roll: {
      ...roll,
      left: roll.left.filter((key) => key !== rollKey(leaver)),
      newcomer: null,
      leaving: leaver.slot,
      replaced: roll.replaced + (target === undefined ? 0 : 1),
    },
  };
}

/**
 * Which slots of a service shall run: those alive first, then those that wait, then those that end, then numbers not used yet.
 * After a roll they need not be 1 to n.
 */
export function chooseSlots(slots: readonly SlotState[], count: number): number[] {
  const rank = (slot: SlotState): number => (!hasProcess(slot) ? 1 : isStaying(slot) ? 0 : 2);
  const known = [...slots].sort((a, b) => rank(a) - rank(b) || a.slot - b.slot).map(({ slot }) => slot);
  const chosen = known.slice(0, count);
  for (let fresh = 1; chosen.length < count; fresh += 1) if (!known.includes(fresh)) chosen.push(fresh);
  return chosen.sort((a, b) => a - b);
}
