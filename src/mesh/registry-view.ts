/**
 * What this process knows of who is there: a copy of the supervisor's registry, read without waiting.
 * Stays as it is while the supervisor is away. It decides nothing and asks nobody: a gap is reported, not mended.
 */
import { slotId } from '../core/ids.ts';
import type { ServiceTuning } from '../core/tuning.ts';

export interface RegistryInstance {
  readonly service: string;
  readonly slot: number;
  readonly epoch: number;
  readonly address: string;
  /** Of a pool: ready to take the place of another. Connected to, and not called. */
  readonly isSpare?: true;
}
/** `durable`: by the store, which has it before who emits it goes on. */
export type Delivery = 'balanced' | 'broadcast' | 'durable';
export interface RegistryService {
  /** Those that are ready. */
  readonly instances: readonly RegistryInstance[];
  readonly events: Readonly<Record<string, Delivery>>;
  /** Its instances take one call at a time, of whoever asked them for their place. */
  readonly pool?: { readonly callLimitMs: number };
  /** How calls to it are made, where that is not as everywhere. */
  readonly calls?: ServiceTuning;
}
export interface RegistrySnapshot {
  readonly revision: number;
  readonly services: Readonly<Record<string, RegistryService>>;
}
export interface RegistryDelta {
  /** The revision this one follows. */
  readonly previous: number;
  readonly revision: number;
  readonly service: string;
  /** Null: the service is gone. */
  readonly entry: RegistryService | null;
}
export interface Subscriber {
  readonly service: string;
  readonly delivery: Delivery;
  readonly instances: readonly RegistryInstance[];
}

export class RegistryView {
  #revision = 0;
  #services = new Map<string, RegistryService>();
  /** By event; rebuilt on change, so that emitting is a look-up. */
  #subscribers = new Map<string, Subscriber[]>();
  /** Kept when an instance leaves: what comes from an epoch before it stays old. */
  readonly #epochs = new Map<string, number>();
  readonly #listeners = new Set<() => void>();

  get revision(): number {
    return this.#revision;
  }

  /** A snapshot older than what is known is ignored. */
  replace(snapshot: RegistrySnapshot): void {
    if (snapshot.revision < this.#revision) return;
    this.#revision = snapshot.revision;
    this.#services = new Map(Object.entries(snapshot.services));
    this.#changed();
  }

  /** `gap`: something between is missing and nothing was changed; ask for a snapshot. */
  apply(delta: RegistryDelta): 'applied' | 'stale' | 'gap' {
    if (delta.revision <= this.#revision) return 'stale';
    if (delta.previous !== this.#revision) return 'gap';
    this.#revision = delta.revision;
    if (delta.entry === null) this.#services.delete(delta.service);
    else this.#services.set(delta.service, delta.entry);
    this.#changed();
    return 'applied';
  }

  service(name: string): RegistryService | undefined {
    return this.#services.get(name);
  }

  services(): Iterable<[string, RegistryService]> {
    return this.#services.entries();
  }

  subscribersOf(event: string): readonly Subscriber[] {
    return this.#subscribers.get(event) ?? [];
  }

  /** The newest epoch ever seen in a slot; 0 for a stranger. */
  newestEpoch(service: string, slot: number): number {
    return this.#epochs.get(slotId({ service, slot })) ?? 0;
  }

  /** Gives the function that takes the listener away again. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  #changed(): void {
    this.#subscribers = new Map();
    for (const [service, { instances, events }] of this.#services) {
      for (const instance of instances) this.#noteEpoch(instance);
      for (const [event, delivery] of Object.entries(events)) {
        const known = this.#subscribers.get(event) ?? [];
        this.#subscribers.set(event, [...known, { service, delivery, instances }]);
      }
    }
    for (const listener of this.#listeners) listener();
  }

  #noteEpoch(instance: RegistryInstance): void {
    const newest = this.newestEpoch(instance.service, instance.slot);
    if (instance.epoch > newest) this.#epochs.set(slotId(instance), instance.epoch);
  }
}
