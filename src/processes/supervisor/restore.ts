/**
 * What of the slots outlives a supervisor, and what its successor does first: the memos of its predecessor say what was, the keeper's list says what is. Used by the running app.
 */
import { slotId } from '../../core/ids.ts';
import type { SlotState } from '../../core/instance-state.ts';
import { hasProcess } from '../../core/instance-state.ts';
import type { KeeperState } from '../../core/keeper-frames.ts';
import type { KeeperLink, Welcome } from './keeper-link.ts';
import type { Slots } from './slots.ts';

/** A memo of the keeper: a slot, and its record in the statistics file. */
export interface SlotMemo {
  readonly slot: SlotState;
  readonly index: number;
}

const slotMemoPrefix = 'slot:';
/** A memo is bounded in bytes, and a character may be written with six. */
const longestReason = 500;

export const slotMemo = ({ slot, index }: SlotMemo): { readonly key: string; readonly value: SlotMemo } => ({
  key: `${slotMemoPrefix}${slotId(slot)}`,
  value: { slot: { ...slot, reason: slot.reason.slice(0, longestReason) }, index },
});

/** One that drains may have asked for more time while nobody was there to hear it: until it is back and says so, it is not ended. */
const reconnectMs = 2_000;

/** Whether instances of a predecessor may run: one that never came so far has left nothing to go on with. */
export const hasSlotMemos = (memos: Welcome['memos']): boolean =>
  Object.keys(memos).some((key) => key.startsWith(slotMemoPrefix));

export interface RestoreNeeds {
  readonly state: KeeperState;
  readonly keeper: KeeperLink;
  readonly slots: Slots;
  readonly isPlanned: (service: string) => boolean;
  /** Before the slot is: its place in the statistics, its spools. */
  readonly prepare: (memo: SlotMemo) => void;
  readonly spawn: (slot: SlotState) => void;
}

export function restoreSlots(needs: RestoreNeeds): void {
  const { state, keeper, slots, isPlanned, prepare, spawn } = needs;
  const { memos, processes, exited } = state;
  for (const [key, memo] of Object.entries(memos)) {
    if (!key.startsWith(slotMemoPrefix)) continue;
    const { slot } = memo as SlotMemo;
    // Taken out of the app, in `tutti dev`: only its epoch counts on, and who is left of it ends below.
    if (!isPlanned(slot.service)) {
      slots.retire(slot);
      continue;
    }
    const isIt = (one: { readonly key: string; readonly epoch: number }): boolean =>
      one.key === slotId(slot) && one.epoch === slot.epoch;
    prepare(memo as SlotMemo);
    slots.restore(slot);
    const living = processes.find(isIt);
    if (living !== undefined) {
      slots.dispatch(living.key, { type: 'spawned', pid: living.pid, processStart: living.startTime });
      slots.dispatch(living.key, { type: 'extend', ms: reconnectMs });
    } else if (hasProcess(slot) && !exited.some(isIt)) spawnAgain(slot, slots, spawn);
  }
  for (const { key, epoch } of processes)
    if (slots.get(key)?.epoch !== epoch)
      void keeper.ask({ op: 'signal', key, signal: 'SIGKILL', group: true }).catch(() => undefined);
}

/** The order did not arrive: that is nobody's failure, unless nobody wants it any more. */
function spawnAgain(slot: SlotState, slots: Slots, spawn: (slot: SlotState) => void): void {
  if (slot.state === 'starting') spawn(slot);
  else
    slots.dispatch(slotId(slot), {
      type: 'spawn-failed',
      code: 'EAGAIN',
      message: 'the supervisor died before it was spawned',
    });
}
