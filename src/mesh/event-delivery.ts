/**
 * Hands an event to who is there now: one instance of each balanced subscriber, every instance of a broadcast one.
 * Volatile: what cannot be handed over is not kept.
 */
import { TuttiError } from '../core/errors.ts';
import type { OutgoingFrame } from './frames.ts';
import type { MeshLog } from './mesh-log.ts';
import type { Peer } from './peer.ts';
import type { PeerTable } from './peer-table.ts';
import type { RegistryView, Subscriber } from './registry-view.ts';

/** Instances that one event of a balanced subscriber may be carried to. */
const mostTries = 4;

export class EventDelivery {
  readonly #registry: RegistryView;
  readonly #peers: PeerTable;
  readonly #log: MeshLog;

  constructor(registry: RegistryView, peers: PeerTable, log: MeshLog) {
    this.#registry = registry;
    this.#peers = peers;
    this.#log = log;
  }

  /** Gives to how many instances it went. */
  async deliver(event: string, frame: OutgoingFrame): Promise<number> {
    const subscribers = this.#registry.subscribersOf(event);
    const counts = await Promise.all(
      subscribers.map((subscriber) =>
        subscriber.delivery === 'broadcast'
          ? this.#toAll(subscriber, event, frame)
          : this.#toOne(subscriber, event, frame),
      ),
    );
    return counts.reduce((sum, count) => sum + count, 0);
  }

  async #toAll(subscriber: Subscriber, event: string, frame: OutgoingFrame): Promise<number> {
    const peers = this.#peers.of(subscriber.service);
    const taken = await Promise.all(peers.map((peer) => this.#hand(peer, event, frame)));
    return taken.filter(Boolean).length;
  }

  async #toOne(subscriber: Subscriber, event: string, frame: OutgoingFrame): Promise<number> {
    const tried: Peer[] = [];
    while (tried.length < mostTries) {
      const peer = this.#peers.pick(subscriber.service, { tried, now: 0 });
      if (peer === undefined) break;
      if (await this.#hand(peer, event, frame)) return 1;
      tried.push(peer);
    }
    return 0;
  }

  /** Only a connection that has to be made is waited for. */
  async #hand(peer: Peer, event: string, frame: OutgoingFrame): Promise<boolean> {
    try {
      if (!peer.isOpen) await peer.open();
      return peer.sendEvent(event, frame);
    } catch (error) {
      const reason = error instanceof TuttiError ? error.data['reason'] : String(error);
      this.#log('warn', 'An event did not reach an instance', { event, instance: peer.id, reason });
      return false;
    }
  }
}
