/**
 * Hands an event to who is there now: one instance of each balanced subscriber, every instance of a broadcast one; what cannot be handed over is not
 * kept. Before that it is stored for those who must have it: it goes on only when that is done.
 */
import type { Emitted } from '../define/handling.ts';
import { defaultPriority } from '../core/waiting-line.ts';
import type { CallContext } from './context.ts';
import { frameKinds } from './frames.ts';
import type { OutgoingFrame } from './frames.ts';
import { writeKept } from './kept-event.ts';
import { reasonOf } from './mesh-log.ts';
import type { MeshLog } from './mesh-log.ts';
import { frameOf, parentOf, wishedPriority } from './outgoing-call.ts';
import type { CallOptions } from './outgoing-call.ts';
import type { Peer } from './peer.ts';
import type { PeerTable } from './peer-table.ts';
import type { RegistryView, Subscriber } from './registry-view.ts';
import { emitSpan, endCallSpan } from './spans.ts';
import type { StoreClient } from './store-client.ts';
import type { NewTraceId } from './trace-ids.ts';
import { TurnBatches } from './turn-batch.ts';

/** Instances that one event of a balanced subscriber may be carried to. */
const mostTries = 4;

export interface EmitCallOptions extends CallOptions {
  /** Kept events of one key are delivered one after the other, in their order. */
  readonly key?: string | undefined;
}

export interface EventDeliveryNeeds {
  readonly store: StoreClient;
  readonly newEventId: () => string;
  readonly registry: RegistryView;
  readonly peers: PeerTable;
  readonly log: MeshLog;
  readonly newTraceId: NewTraceId;
}

/** `event`: as the store takes it, without its body. */
interface EventToKeep {
  readonly event: object;
  readonly body: string;
}

interface Keeping {
  readonly receivers: readonly string[];
  readonly options: EmitCallOptions;
  readonly context: Partial<CallContext> | undefined;
}

const isDurable = ({ delivery }: Subscriber): boolean => delivery === 'durable';
const namesOf = (subscribers: readonly Subscriber[]): string[] => subscribers.map(({ service }) => service);

export class EventDelivery {
  readonly #needs: EventDeliveryNeeds;
  readonly #kept = new TurnBatches<EventToKeep, unknown>({
    ask: (items) => {
      const bodies = { of: 'events', texts: items.map(({ body }) => body) };
      const input = { events: items.map(({ event }) => event) };
      return this.#needs.store.mutate({ area: 'events', name: 'keep', input, bodies }) as Promise<unknown[]>;
    },
    charsOf: ({ body }) => body.length,
  });

  constructor(needs: EventDeliveryNeeds) {
    this.#needs = needs;
  }

  /** @throws {TuttiError} `INVALID_INPUT`, and what the store says: then nobody has it. */
  async emit(event: string, payload: unknown, options: EmitCallOptions): Promise<Emitted> {
    const parent = parentOf(options);
    const span = emitSpan(event, options, parent);
    const fixed = { kind: frameKinds.event, flags: 0, deadline: Infinity };
    try {
      const subscribers = this.#needs.registry.subscribersOf(event);
      const durable = subscribers.filter(isDurable);
      const isKeptOnly = durable.length > 0 && durable.length === subscribers.length;
      const outgoing = { ...fixed, body: payload, options, parent, trace: span?.trace };
      // What cannot be sent is not kept either.
      const frame = isKeptOnly ? undefined : frameOf(outgoing, this.#needs.newTraceId);
      const context =
        parent === undefined ? options.context : { ...parent, trace: span?.trace ?? parent.trace };
      const kept = await this.#keep(event, payload, { receivers: namesOf(durable), options, context });
      const delivered = frame === undefined ? 0 : await this.#deliver(event, frame);
      endCallSpan(span);
      return { delivered, kept };
    } catch (error) {
      endCallSpan(span, error);
      throw error;
    }
  }

  async #keep(event: string, payload: unknown, { receivers, options, context }: Keeping): Promise<number> {
    if (receivers.length === 0) return 0;
    const toKeep = {
      ...{ event, receivers, id: this.#needs.newEventId(), key: options.key ?? null },
      priority: wishedPriority(options) ?? context?.priority ?? defaultPriority,
    };
    await this.#kept.add('', { event: toKeep, body: writeKept(payload, context) });
    return receivers.length;
  }

  async #deliver(event: string, frame: OutgoingFrame): Promise<number> {
    const subscribers = this.#needs.registry.subscribersOf(event).filter((one) => !isDurable(one));
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
      const fields = { event, instance: peer.id, reason: reasonOf(error) };
      this.#needs.log('warn', 'An event did not reach an instance', fields);
      return false;
    }
  }
}
