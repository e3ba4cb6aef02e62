/**
 * The authority on who may be called. Made from the slots; every change is one revision, sent to all who are connected.
 * Revisions are generation * 2^32 + n, so that those of a successor are always higher.
 */
import { isDeepStrictEqual } from 'node:util';
import { chooseServing } from '../../core/pool.ts';
import type { SlotState } from '../../core/instance-state.ts';
import type {
  RegistryDelta,
  RegistryInstance,
  RegistryService,
  RegistrySnapshot,
} from '../../mesh/registry-view.ts';
import type { ServicePlan } from './plan.ts';

export interface RegistryNeeds {
  readonly generation: number;
  readonly address: (service: string, slot: number) => string;
  /** How many of the service are wanted. */
  readonly wanted: (service: string) => number;
  readonly publish: (delta: RegistryDelta) => void;
}

export class Registry {
  readonly #needs: RegistryNeeds;
  readonly #services = new Map<string, RegistryService>();
  #revision: number;

  constructor(needs: RegistryNeeds) {
    this.#needs = needs;
    this.#revision = needs.generation * 2 ** 32;
  }

  get revision(): number {
    return this.#revision;
  }

  snapshot(): RegistrySnapshot {
    return { revision: this.#revision, services: Object.fromEntries(this.#services) };
  }

  isSpare({ service, slot, epoch }: SlotState): boolean {
    const known = this.#services.get(service)?.instances ?? [];
    return known.some((one) => one.slot === slot && one.epoch === epoch && one.isSpare === true);
  }

  /** To be called after each transition of a slot of this service, and when it is planned anew; says nothing when all is as it was. */
  update(plan: ServicePlan, slots: readonly SlotState[]): void {
    const ready = slots.filter(({ state }) => state === 'ready');
    const serving = this.#serving(plan, ready);
    const instances = ready.map((one): RegistryInstance => {
      const { service, slot, epoch } = one;
      const spare = serving.includes(one) ? {} : ({ isSpare: true } as const);
      return { service, slot, epoch, address: this.#needs.address(service, slot), ...spare };
    });
    const calls = plan.calls === undefined ? {} : { calls: plan.calls };
    const pool = plan.pool === undefined ? {} : { pool: { callLimitMs: plan.pool.callLimit } };
    const entry: RegistryService = { instances, events: plan.events, ...pool, ...calls };
    if (isDeepStrictEqual(this.#services.get(plan.name), entry)) return;
    this.#services.set(plan.name, entry);
    const previous = this.#revision;
    this.#revision += 1;
    this.#needs.publish({ previous, revision: this.#revision, service: plan.name, entry });
  }

  /** All, but for the spares of a pool. */
  #serving({ name, pool }: ServicePlan, ready: readonly SlotState[]): readonly SlotState[] {
    if (pool === undefined) return ready;
    const known = this.#services.get(name)?.instances ?? [];
    const serving = known.filter(({ isSpare }) => isSpare !== true);
    return chooseServing(ready, serving, { processes: this.#needs.wanted(name), spares: pool.spares });
  }
}
