/**
 * Hands an event to who is there now: one instance of each balanced subscriber, every instance of a broadcast one.
 * Volatile: what cannot be handed over is not kept.
 */
import { TuttiError } from '../core/errors.ts';
import { frameKinds } from './frames.ts';
import type { OutgoingFrame } from './frames.ts';
import type { MeshLog } from './mesh-log.ts';
import { frameOf, parentOf } from './outgoing-call.ts';
import type { CallOptions } from './outgoing-call.ts';
import type { Peer } from './peer.ts';
import type { PeerTable } from './peer-table.ts';
import type { RegistryView, Subscriber } from './registry-view.ts';
import { emitSpan, endCallSpan } from './spans.ts';
import type { NewTraceId } from './trace-ids.ts';

/** Instances that one event of a balanced subscriber may be carried to. */
const mostTries = 4;

export interface EventDeliveryNeeds {
  readonly registry: RegistryView;
  readonly peers: PeerTable;
  readonly log: MeshLog;
  readonly newTraceId: NewTraceId;
}

export class EventDelivery {
  readonly #needs: EventDeliveryNeeds;

  constructor(needs: EventDeliveryNeeds) {
    this.#needs = needs;
  }

  /** Gives to how many instances it went. */
  async emit(event: string, payload: unknown, options: CallOptions): Promise<number> {
    const parent = parentOf(options);
    const span = emitSpan(event, options, parent);
    const fixed = { kind: frameKinds.event, flags: 0, deadline: Infinity };
    try {
      const outgoing = { ...fixed, body: payload, options, parent, trace: span?.trace };
      const delivered = await this.#deliver(event, frameOf(outgoing, this.#needs.newTraceId));
      endCallSpan(span);
      return delivered;
    } catch (error) {
      endCallSpan(span, error);
      throw error;
    }
  }

  async #deliver(event: string, frame: OutgoingFrame): Promise<number> {
    const subscribers = this.#needs.registry.subscribersOf(event);
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
    const peers = this.#needs.peers.of(subscriber.service);
    const taken = await Promise.all(peers.map((peer) => this.#hand(peer, event, frame)));
    return taken.filter(Boolean).length;
  }

  async #toOne(subscriber: Subscriber, event: string, frame: OutgoingFrame): Promise<number> {
    const tried: Peer[] = [];
    while (tried.length < mostTries) {
      const peer = this.#needs.peers.pick(subscriber.service, { tried, now: 0 });
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
      this.#needs.log('warn', 'An event did not reach an instance', { event, instance: peer.id, reason });
      return false;
    }
  }
}
