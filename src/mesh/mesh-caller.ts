/**
 * The caller: what it can be asked for, what peers say of its calls, and their deadlines. Their start and end is `LiveCalls`' affair, where
 * they go that of `CallRoutes`. A call is repeated only where that is safe: not started there, or idempotent and owned by this caller.
 */
import type { Avoided } from '../core/avoided.ts';
import { isTuttiError, TuttiError } from '../core/errors.ts';
import type { Timer } from '../core/ports.ts';
import type { TryEnd } from '../core/retry-policy.ts';
import type { Emitted } from '../define/handling.ts';
import { readBody } from './body.ts';
import { CallOutcomes } from './call-outcomes.ts';
import type { Refusal } from './call-outcomes.ts';
import { CallRoutes } from './call-routes.ts';
import { Channels } from './channels.ts';
import type { ChannelCall } from './channel-call.ts';
import { EventDelivery } from './event-delivery.ts';
import type { EmitCallOptions } from './event-delivery.ts';
import { frameFlags, frameKinds, readBodyBytes } from './frames.ts';
import type { IncomingFrame } from './frames.ts';
import { LiveCalls } from './live-calls.ts';
import type { CallOptions } from './outgoing-call.ts';
import type { MessageOutbox } from './message-outbox.ts';
import { Peer } from './peer.ts';
import type { PeerOwner } from './peer.ts';
import { PeerTable } from './peer-table.ts';
import { timedOut } from './pending-call.ts';
import type { CallRequest, PendingCall } from './pending-call.ts';
import { StreamCall } from './stream-call.ts';
import type { Stream } from './stream-call.ts';
import { storeOf } from './store-client.ts';
import { valueOf } from './item-inbox.ts';
import type { ArrivedItem } from './item-inbox.ts';
import { makeTraceIds } from './trace-ids.ts';
import { readWireError } from './wire-error.ts';

import type { Caller, CallerNeeds, CallerStats, ChannelOptions, StreamOptions } from './caller.ts';

export const makeCaller = (needs: CallerNeeds): Caller => new MeshCaller(needs);

/** A call is settled at most this long after its deadline, and a little more when the loop is late. */
const sweepMs = 25;
/** Between two comparisons of the instances of a service. */
const compareEveryMs = 250;
const noOptions: CallOptions = {};

class MeshCaller implements Caller, PeerOwner {
  readonly #needs: CallerNeeds;
  readonly #peers: PeerTable;
  readonly #delivery: EventDelivery;
  readonly #stopWatching: () => void;
  readonly #outcomes: CallOutcomes;
  /** Those that are with no instance; the others are with their peer. */
  readonly #routes: CallRoutes;
  readonly #calls: LiveCalls;
  readonly #channels: Channels;
  #comparedAt = 0;
  #sweepTimer: Timer | undefined;
  readonly #counts = { lateAnswers: 0, timeouts: 0 };

  constructor(needs: CallerNeeds) {
    this.#needs = needs;
    const newTraceId = makeTraceIds(needs.random);
    const makePeer = (instance: Peer['instance']): Peer => new Peer(instance, needs, this);
    this.#peers = new PeerTable({ registry: needs.registry, random: needs.random, makePeer });
    this.#delivery = new EventDelivery({
      ...{ ...needs, peers: this.#peers, newTraceId, newEventId: newTraceId },
      store: storeOf(this, needs),
    });
    this.#outcomes = new CallOutcomes({ ...needs, peers: this.#peers });
    this.#routes = new CallRoutes({
      ...needs,
      peers: this.#peers,
      fail: (call, error) => {
        this.#calls.fail(call, error);
      },
    });
    this.#calls = new LiveCalls({
      ...{ ...needs, newTraceId, routes: this.#routes },
      onStart: () => {
        this.#sweepTimer ??= needs.clock.after(sweepMs, this.#sweep);
      },
    });
    this.#channels = new Channels({
      ...needs,
      stream: (request, messages) => this.#streamOf({ ...request, forHttp: false }, messages).view(valueOf),
    });
    this.#stopWatching = needs.registry.onChange(() => {
      this.#peers.refresh();
      this.#routes.pools.refresh();
      this.#calls.refresh();
    });
  }

  // eslint-disable-next-line max-params -- whom, what, with what, how: the signature every caller knows
  call(service: string, action: string, input: unknown, options = noOptions): Promise<unknown> {
    return this.#calls.begin({ service, action, input, options, forHttp: false });
  }

  // eslint-disable-next-line max-params -- as `call`
  callForHttp(service: string, action: string, input: unknown, options = noOptions): Promise<Buffer> {
    return this.#calls.begin({ service, action, input, options, forHttp: true }) as Promise<Buffer>;
  }

  // eslint-disable-next-line max-params -- as `call`
  stream(service: string, action: string, input: unknown, options: StreamOptions = noOptions): Stream {
    return this.#streamOf({ service, action, input, options, forHttp: false }).view(valueOf);
  }

  // eslint-disable-next-line max-params -- as `call`
  streamForHttp(
    service: string,
    action: string,
    input: unknown,
    options: StreamOptions = noOptions,
  ): Stream<ArrivedItem> {
    return this.#streamOf({ service, action, input, options, forHttp: true }).view((item) => item);
  }

  // eslint-disable-next-line max-params -- as `call`
  channel(
    service: string,
    action: string,
    input: unknown,
    options: ChannelOptions = noOptions,
  ): Promise<ChannelCall> {
    return this.#channels.open({ service, action, input, options });
  }

  async emit(event: string, payload: unknown, options: EmitCallOptions = noOptions): Promise<Emitted> {
    if (this.#calls.isClosed) throw new TuttiError('CANCELLED');
    return this.#delivery.emit(event, payload, options);
  }

  stats(): CallerStats {
    const openBreakers = this.#peers.openBreakers();
    return {
      ...this.#calls.counts,
      ...this.#counts,
      ...this.#outcomes.counts,
      retries: this.#routes.retries,
      openBreakers,
    };
  }

  avoided(): Avoided[] {
    return this.#peers.avoided();
  }

  close(): Promise<void> {
    if (this.#calls.isClosed) return Promise.resolve();
    this.#calls.close();
    this.#stopWatching();
    this.#sweepTimer?.cancel();
    this.#channels.close();
    for (const call of this.#live()) this.#calls.takeBack(call, new TuttiError('CANCELLED'));
    this.#routes.pools.close();
    for (const peer of this.#peers.all()) peer.end();
    return Promise.resolve();
  }

  #streamOf(
    request: CallRequest & { readonly options: StreamOptions },
    messages?: MessageOutbox,
  ): StreamCall {
    const { service, action, options } = request;
    const stream: StreamCall = new StreamCall({
      clock: this.#needs.clock,
      label: `${service}.${action}`,
      items: options.items,
      messages,
      silenceMs: options.silenceMs,
      start: (settlers) => this.#calls.start({ ...request, stream }, settlers),
      takeBack: (call, error) => {
        this.#calls.takeBack(call, error);
      },
    });
    return stream;
  }

  // --- what peers say

  answered(peer: Peer, call: PendingCall, frame: IncomingFrame): void {
    const isError = frame.kind === frameKinds.error;
    const body = call.wantsBytes && !isError ? readBodyBytes(frame) : this.#readAnswer(call, frame);
    if (call.isSettled) return;
    if (isError) {
      const error = readWireError(body, `${call.service}.${call.action}`);
      this.#refused(call, peer, { error, isNotStarted: (frame.flags & frameFlags.notStarted) !== 0 });
    } else {
      if (call.stream === undefined) this.#outcomes.answered(call, peer);
      if (this.#calls.settle(call)) call.resolve(body);
    }
  }

  #refused(call: PendingCall, peer: Peer, refusal: Refusal): void {
    const { error, isNotStarted } = refusal;
    const { code, retryable } = error;
    if (call.stream?.hasBegun !== true) this.#outcomes.refused(call, peer, refusal);
    const end: TryEnd = isNotStarted ? { end: 'not-started', code } : { end: 'answered', code, retryable };
    this.#routes.next(call, peer, { end, error });
  }

  /** A refused answer costs its call, an unreadable one the connection. */
  #readAnswer(call: PendingCall, frame: IncomingFrame): unknown {
    try {
      return readBody(frame) ?? null;
    } catch (cause) {
      if (!isTuttiError(cause, 'INVALID_INPUT')) throw cause;
      this.#calls.fail(
        call,
        new TuttiError('INVALID_OUTPUT', { action: `${call.service}.${call.action}` }, { cause }),
      );
      return undefined;
    }
  }

  moved(peer: Peer, call: PendingCall, frame: IncomingFrame): void {
    if (call.isSettled || call.stream === undefined) return;
    if (!call.stream.hasBegun) {
      // From now on it takes the time it was given, or as long as items move.
      call.deadline = call.frame.deadline;
      // That it has begun speaks for its instance; how long it takes says nothing.
      this.#outcomes.answered(call, peer);
    }
    call.stream.took(frame);
  }

  answeredLate(): void {
    this.#counts.lateAnswers += 1;
  }

  placed(peer: Peer): void {
    this.#routes.pools.placed(peer);
  }

  leaving(): void {
    this.#peers.refresh();
    this.#routes.pools.refresh();
  }

  lost(peer: Peer, calls: PendingCall[], fault: string | undefined): void {
    if (fault !== undefined) {
      this.#needs.log('warn', 'A connection was closed: the other side broke the protocol', {
        instance: peer.id,
        reason: fault,
      });
    }
    for (const call of calls) {
      const error = this.#outcomes.lossOf(call, peer);
      // One loss, however many were under way.
      if (call === calls[0] || call.isProbe) this.#outcomes.failed(call, peer, error.code);
      const { code, retryable } = error;
      const end: TryEnd = retryable ? { end: 'lost' } : { end: 'answered', code, retryable };
      this.#routes.next(call, peer, { end, error });
    }
    this.#routes.pools.refresh();
  }

  // --- deadlines

  readonly #sweep = (): void => {
    this.#sweepTimer = undefined;
    const now = this.#needs.clock.now();
    for (const call of this.#live()) if (now >= call.deadline) this.#expire(call);
    for (const peer of this.#peers.all()) {
      // Nobody tells us when a load we heard of has gone; without this a busy instance would never be asked again.
      if (peer.pending.size === 0) peer.load >>= 1;
    }
    if (now - this.#comparedAt >= compareEveryMs) {
      this.#comparedAt = now;
      this.#outcomes.compare();
    }
    if (this.#calls.counts.inFlight > 0) this.#sweepTimer = this.#needs.clock.after(sweepMs, this.#sweep);
  };

  #expire(call: PendingCall): void {
    this.#counts.timeouts += 1;
    const { holder } = call;
    if (holder instanceof Peer) this.#outcomes.failed(call, holder, 'CALL_TIMED_OUT');
    this.#calls.takeBack(call, timedOut(call));
  }

  /** Copied where it is taken from: settling takes calls away. */
  *#live(): Generator<PendingCall> {
    yield* this.#routes.waiting();
    for (const peer of this.#peers.all()) yield* peer.pending.all();
  }
}
