/**
 * The peers of a caller: one for each instance it has talked to, chosen from what the registry lists.
 * Drops those that were replaced: a new epoch in the slot is proof that the old one is gone.
 */
import type { Avoided } from '../core/avoided.ts';
import { instanceId } from '../core/ids.ts';
import { pickOfTwo } from '../core/balance.ts';
import { compareInstances, even } from '../core/outliers.ts';
import type { Random } from '../core/ports.ts';
import type { CallHolder } from './pending-call.ts';
import type { Peer } from './peer.ts';
import type { RegistryInstance, RegistryService, RegistryView } from './registry-view.ts';

const isAny = ({ slot, tried }: Wish): boolean => slot === undefined && tried.length === 0;
const isClear = ({ health }: Peer): boolean => health.isClear;
const fits = (peer: Peer, { action, now, slot, tried }: Wish): boolean =>
  (slot === undefined || peer.instance.slot === slot) &&
  (action === undefined || peer.health.allows(action, now)) &&
  !tried.includes(peer);

export interface PeerTableNeeds {
  readonly registry: RegistryView;
  readonly random: Random;
  readonly makePeer: (instance: RegistryInstance) => Peer;
}

const costOf = (peer: Peer): number => peer.cost;

/** Who would do. */
export interface Wish {
  /** Undefined: an event, for which there is no breaker. */
  readonly action?: string;
  readonly now: number;
  readonly slot?: number | undefined;
  readonly tried: readonly CallHolder[];
}

export class PeerTable {
  readonly #needs: PeerTableNeeds;
  readonly #byId = new Map<string, Peer>();
  /** Those that take calls, by service; forgotten on every change. */
  readonly #open = new Map<string, readonly Peer[]>();

  constructor(needs: PeerTableNeeds) {
    this.#needs = needs;
  }

  /** Undefined: nobody is ready, but for those in `tried` and those whose breaker is open. */
  pick(service: string, wish: Wish): Peer | undefined {
    const all = this.of(service);
    // Mostly all will do: no list is made then.
    const fitting = isAny(wish) && all.every(isClear) ? all : all.filter((peer) => fits(peer, wish));
    return pickOfTwo(fitting, costOf, this.#needs.random);
  }

  /** When the first of those whose breaker is open may be asked for the action; undefined: there are none. */
  probeAt(
    service: string,
    { action, slot }: { readonly action: string; readonly slot?: number | undefined },
  ): number | undefined {
    const peers = this.of(service).filter((peer) => slot === undefined || peer.instance.slot === slot);
    return peers.length === 0 ? undefined : Math.min(...peers.map((peer) => peer.health.probeAt(action)));
  }

  /** Compares the instances of each service with one another. Gives those that have become outliers. */
  judge(): Peer[] {
    const found: Peer[] = [];
    for (const [service, peers] of this.#open) {
      if (peers.length < 2) continue;
      const isCompared = this.#needs.registry.service(service)?.calls?.outliers !== false;
      const comparisons = isCompared ? compareInstances(peers.map((peer) => peer.health)) : [];
      for (const [at, peer] of peers.entries()) {
        const comparison = comparisons[at] ?? even;
        if (comparison.isOutlier && !peer.health.comparison.isOutlier) found.push(peer);
        peer.health.comparison = comparison;
        peer.health.fade();
      }
    }
    return found;
  }

  of(service: string): readonly Peer[] {
    const known = this.#open.get(service);
    if (known !== undefined) return known;
    const instances = this.#needs.registry.service(service)?.instances ?? [];
    const peers = instances.map((instance) => this.#metAgain(instance)).filter((peer) => !peer.isLeaving);
    this.#open.set(service, peers);
    return peers;
  }

  /** Undefined: it is none. */
  pool(service: string): RegistryService['pool'] {
    return this.#needs.registry.service(service)?.pool;
  }

  all(): Iterable<Peer> {
    return this.#byId.values();
  }

  openBreakers(): { readonly action: string; readonly instance: string }[] {
    return [...this.#byId.values()].flatMap(({ id, instance: { service }, health }) =>
      health.open().map(({ action }) => ({ action: `${service}.${action}`, instance: id })),
    );
  }

  /** Of those that are listed: who is not is asked by nobody, and comes back with what is held against it. */
  avoided(): Avoided[] {
    const all = [...this.#byId.values()];
    const peers = all.filter(({ health }) => health.isOutlier || !health.isClear);
    return peers
      .filter((peer) => this.#isListed(peer))
      .flatMap(({ id: instance, health }) => {
        const { isOutlier, latencyMs, failures } = health;
        const outlier = {
          kind: 'outlier',
          instance,
          latencyMs: latencyMs ?? null,
          failedPart: failures,
        } as const;
        const breakers = health.open().map((open) => ({ kind: 'breaker', instance, ...open }) as const);
        return [...breakers, ...(isOutlier ? [outlier] : [])];
      });
  }

  #isListed({ instance: { service, slot, epoch } }: Peer): boolean {
    const listed = this.#needs.registry.service(service)?.instances ?? [];
    return listed.some((one) => one.slot === slot && one.epoch === epoch);
  }

  /** The registry or a peer's mind has changed. */
  refresh(): void {
    this.#open.clear();
    for (const [id, peer] of this.#byId) {
      const { service, slot, epoch } = peer.instance;
      if (this.#needs.registry.newestEpoch(service, slot) <= epoch) continue;
      this.#byId.delete(id);
      peer.destroy();
    }
  }

  #metAgain(instance: RegistryInstance): Peer {
    const peer = this.#peerOf(instance);
    peer.isSpare = instance.isSpare === true;
    return peer;
  }

  #peerOf(instance: RegistryInstance): Peer {
    const id = instanceId(instance);
    const known = this.#byId.get(id);
    if (known?.instance.address === instance.address) return known;
    // The same epoch at another address is a process we have never met.
    known?.destroy();
    const peer = this.#needs.makePeer(instance);
    this.#byId.set(id, peer);
    return peer;
  }
}
