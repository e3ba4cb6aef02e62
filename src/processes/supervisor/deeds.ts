/** Carries out what a slot has decided: spawn it, let it finish, ask it to end, end it. What comes of it returns as an event of the slot. */
import { slotId } from '../../core/ids.ts';
import type { SlotCommand, SlotState } from '../../core/instance-state.ts';
import type { ControlServer } from './control-server.ts';
import type { ServicePlan } from './plan.ts';
import type { Registry } from './registry.ts';
import type { Slots } from './slots.ts';
import type { Spawner } from './spawner.ts';

export interface DeedsNeeds {
  readonly spawner: Spawner;
  readonly registry: Registry;
  readonly slots: () => Slots;
  readonly control: () => ControlServer;
  readonly planOf: (service: string) => ServicePlan;
}

/** For all to have heard that it takes no more calls. */
const announceMs = 500;

export class Deeds {
  readonly #needs: DeedsNeeds;

  constructor(needs: DeedsNeeds) {
    this.#needs = needs;
  }

  perform(command: SlotCommand, slot: SlotState): void {
    const { spawner, planOf } = this.#needs;
    switch (command) {
      case 'spawn':
        void spawner.spawn(slot, planOf(slot.service));
        return;
      case 'drain':
        void this.drain(slot);
        return;
      case 'term':
        spawner.signal(slot, 'SIGTERM');
        return;
      case 'kill':
        spawner.signal(slot, 'SIGKILL');
    }
  }

  /** Nobody is sent there any more, and all know it, before it is told to finish. */
  async drain(slot: SlotState): Promise<void> {
    const { registry, planOf, spawner } = this.#needs;
    const [slots, control] = [this.#needs.slots(), this.#needs.control()];
    const id = slotId(slot);
    const plan = planOf(slot.service);
    registry.update(plan, slots.of(slot.service));
    await control.announced(registry.revision, announceMs);
    // It may have ended meanwhile, and the next one must not be told.
    const now = slots.get(id);
    if (now?.epoch !== slot.epoch || now.state !== 'draining') return;
    const { drainTimeout, drainMax } = plan.stop;
    const told = control.send(id, {
      ...{ op: 'drain', timeoutMs: drainTimeout, reason: slot.reason },
      maxMs: Math.max(drainTimeout, drainMax),
    });
    if (!told) spawner.signal(slot, 'SIGTERM');
  }
}
