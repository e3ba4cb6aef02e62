/**
 * Holds the slots: every event goes through the pure reducer, its commands are carried out, its transition is told.
 * One timer per slot, when the slot asks for one. It decides nothing itself.
 */
import { slotId } from '../../core/ids.ts';
import type { SlotCommand, SlotEvent, SlotState, StopPolicy } from '../../core/instance-state.ts';
import { newSlot, reduceSlot } from '../../core/instance-state.ts';
import type { Clock, Random, Timer } from '../../core/ports.ts';
import type { RestartPolicy } from '../../core/restart-policy.ts';

export interface Transition {
  readonly before: SlotState;
  readonly after: SlotState;
  readonly cause: SlotEvent;
}

export interface SlotsNeeds {
  readonly clock: Clock;
  readonly random: Random;
  readonly policies: (service: string) => { readonly restart: RestartPolicy; readonly stop: StopPolicy };
  /** Carries out one command; what comes of it returns as an event. */
  readonly perform: (command: SlotCommand, slot: SlotState) => void;
  /** Before its commands are carried out, so that a successor knows of them. */
  readonly remember: (slot: SlotState) => void;
  readonly onTransition: (transition: Transition) => void;
}

export class Slots {
  readonly #needs: SlotsNeeds;
  readonly #slots = new Map<string, SlotState>();
  readonly #timers = new Map<string, Timer>();
  /** Of slots that are no more. One that comes again counts on: an epoch names one process for ever. */
  readonly #epochs = new Map<string, number>();

  constructor(needs: SlotsNeeds) {
    this.#needs = needs;
  }

  /** As a predecessor left it. */
  restore(slot: SlotState): void {
    this.#slots.set(slotId(slot), slot);
    this.#arm(slot);
  }

  add(service: string, slot: number): void {
    const id = slotId({ service, slot });
    const epoch = this.#epochs.get(id) ?? 0;
    if (!this.#slots.has(id)) this.#slots.set(id, { ...newSlot(service, slot), epoch });
  }

  /** Only of a slot that has no process. What is remembered of it stays, for its epoch. */
  remove(id: string): void {
    this.#timers.get(id)?.cancel();
    this.#timers.delete(id);
    this.#epochs.set(id, this.#slots.get(id)?.epoch ?? 0);
    this.#slots.delete(id);
  }

  /** One that a predecessor had, and that is no more. */
  retire(slot: SlotState): void {
    this.#epochs.set(slotId(slot), slot.epoch);
  }

  get(id: string): SlotState | undefined {
    return this.#slots.get(id);
  }

  all(): SlotState[] {
    return [...this.#slots.values()];
  }

  /** In the order of their numbers. */
  of(service: string): SlotState[] {
    return this.all()
      .filter((slot) => slot.service === service)
      .sort((left, right) => left.slot - right.slot);
  }

  dispatch(id: string, event: SlotEvent): void {
    const before = this.#slots.get(id);
    if (before === undefined) return;
    const { clock, random, policies } = this.#needs;
    const { slot: after, commands } = reduceSlot(before, event, {
      now: clock.now(),
      random,
      ...policies(before.service),
    });
    if (after !== before) this.#replace(before, after);
    for (const command of commands) this.#needs.perform(command, after);
    if (after.state !== before.state || after.reason !== before.reason)
      this.#needs.onTransition({ before, after, cause: event });
  }

  close(): void {
    for (const timer of this.#timers.values()) timer.cancel();
    this.#timers.clear();
  }

  #replace(before: SlotState, after: SlotState): void {
    this.#slots.set(slotId(after), after);
    this.#needs.remember(after);
    if (after.wakeAt !== before.wakeAt) this.#arm(after);
  }

  #arm(slot: SlotState): void {
    const id = slotId(slot);
    this.#timers.get(id)?.cancel();
    this.#timers.delete(id);
    if (slot.wakeAt === null) return;
    const { clock } = this.#needs;
    const fire = (): void => {
      this.dispatch(id, { type: 'timer' });
    };
    this.#timers.set(id, clock.after(Math.max(0, slot.wakeAt - clock.now()), fire));
  }
}
