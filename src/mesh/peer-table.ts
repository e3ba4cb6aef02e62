/**
 * The peers of a caller: one for each instance it has talked to, chosen from what the registry lists.
 * Drops those that were replaced: a new epoch in the slot is proof that the old one is gone.
 */
import { instanceId } from '../core/ids.ts';
import { pickOfTwo } from '../core/balance.ts';
import type { Random } from '../core/ports.ts';
import type { CallHolder } from './pending-call.ts';
import type { Peer } from './peer.ts';
import type { RegistryInstance, RegistryView } from './registry-view.ts';

export interface PeerTableNeeds {
  readonly registry: RegistryView;
  readonly random: Random;
  readonly makePeer: (instance: RegistryInstance) => Peer;
}

const costOf = (peer: Peer): number => peer.cost;

export class PeerTable {
  readonly #needs: PeerTableNeeds;
  readonly #byId = new Map<string, Peer>();
  /** Those that take calls, by service; forgotten on every change. */
  readonly #open = new Map<string, readonly Peer[]>();

  constructor(needs: PeerTableNeeds) {
    this.#needs = needs;
  }

  /** Undefined: nobody is ready, but for those in `tried`. */
  pick(service: string, tried: readonly CallHolder[], slot?: number): Peer | undefined {
    const all = this.of(service);
    const peers = slot === undefined ? all : all.filter((peer) => peer.instance.slot === slot);
    const left = tried.length === 0 ? peers : peers.filter((peer) => !tried.includes(peer));
    return pickOfTwo(left, costOf, this.#needs.random);
  }

  of(service: string): readonly Peer[] {
    const known = this.#open.get(service);
    if (known !== undefined) return known;
    const instances = this.#needs.registry.service(service)?.instances ?? [];
    const peers = instances.map((instance) => this.#peerOf(instance)).filter((peer) => !peer.isLeaving);
    this.#open.set(service, peers);
    return peers;
  }

  all(): Iterable<Peer> {
    return this.#byId.values();
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
