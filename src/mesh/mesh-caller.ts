/**
 * The caller: every call from its start to its end, what peers say of it, and its deadline. Where it goes is `CallRoutes`' affair.
 * It repeats a call only where that is safe: not started there, or idempotent and owned by this caller.
 */
import type { Avoided } from '../core/avoided.ts';
import { bounds } from '../core/bounds.ts';
import { isTuttiError, TuttiError } from '../core/errors.ts';
import type { Timer } from '../core/ports.ts';
import { RetryBudget } from '../core/retry-budget.ts';
import type { TryEnd } from '../core/retry-policy.ts';
import { tunedActions, untuned } from '../core/tuning.ts';
import type { Emitted } from '../define/handling.ts';
import { readBody } from './body.ts';
import { CallOutcomes } from './call-outcomes.ts';
import type { Refusal } from './call-outcomes.ts';
import { CallRoutes } from './call-routes.ts';
import { Channels } from './channels.ts';
import type { ChannelCall } from './channel-call.ts';
import type { CallContext } from './context.ts';
import { EventDelivery } from './event-delivery.ts';
import type { EmitCallOptions } from './event-delivery.ts';
import { frameFlags, frameKinds, readBodyBytes } from './frames.ts';
import type { IncomingFrame } from './frames.ts';
import { deadlineOf, frameOf, parentOf } from './outgoing-call.ts';
import type { CallOptions } from './outgoing-call.ts';
import type { MessageOutbox } from './message-outbox.ts';
import { Peer } from './peer.ts';
import type { PeerOwner } from './peer.ts';
import { PeerTable } from './peer-table.ts';
import { makePendingCall, timedOut } from './pending-call.ts';
import type { CallRequest, PendingCall, ServiceCalls, Settlers } from './pending-call.ts';
import { StreamCall } from './stream-call.ts';
import type { Stream } from './stream-call.ts';
import { storeOf } from './store-client.ts';
import { valueOf } from './item-inbox.ts';
import type { ArrivedItem } from './item-inbox.ts';
import { callSpan, endCallSpan } from './spans.ts';
import { makeTraceIds } from './trace-ids.ts';
import type { NewTraceId } from './trace-ids.ts';
import { readWireError } from './wire-error.ts';

import type { Caller, CallerNeeds, CallerStats, ChannelOptions, StreamOptions } from './caller.ts';

export const makeCaller = (needs: CallerNeeds): Caller => new MeshCaller(needs);

/** A call is settled at most this long after its deadline, and a little more when the loop is late. */
const sweepMs = 25;
/** Between two comparisons of the instances of a service. */
const compareEveryMs = 250;
const noOptions: CallOptions = {};

interface Beginning extends Settlers, Pick<PendingCall, 'span'> {
  readonly parent: CallContext | undefined;
}

class MeshCaller implements Caller, PeerOwner {
  readonly #needs: CallerNeeds;
  readonly #newTraceId: NewTraceId;
  readonly #peers: PeerTable;
  readonly #delivery: EventDelivery;
  readonly #stopWatching: () => void;
  readonly #outcomes: CallOutcomes;
  /** Those that are with no instance; the others are with their peer. */
  readonly #routes: CallRoutes;
  readonly #channels: Channels;
  /** Of every service it has called. */
  readonly #services = new Map<string, ServiceCalls>();
  #comparedAt = 0;
  #sweepTimer: Timer | undefined;
  #isClosed = false;
  readonly #counts = { inFlight: 0, calls: 0, failures: 0, lateAnswers: 0, timeouts: 0 };

  constructor(needs: CallerNeeds) {
    this.#needs = needs;
    this.#newTraceId = makeTraceIds(needs.random);
    const makePeer = (instance: Peer['instance']): Peer => new Peer(instance, needs, this);
    this.#peers = new PeerTable({ registry: needs.registry, random: needs.random, makePeer });
    this.#delivery = new EventDelivery({
      ...{ ...needs, peers: this.#peers, newTraceId: this.#newTraceId, newEventId: this.#newTraceId },
      store: storeOf(this, needs),
    });
    this.#outcomes = new CallOutcomes({ ...needs, peers: this.#peers });
    this.#routes = new CallRoutes({
      ...needs,
      peers: this.#peers,
      fail: (call, error) => {
        this.#fail(call, error);
      },
    });
    this.#channels = new Channels({
      ...needs,
      stream: (request, messages) => this.#streamOf({ ...request, forHttp: false }, messages).view(valueOf),
    });
    this.#stopWatching = needs.registry.onChange(() => {
      this.#peers.refresh();
      this.#routes.pools.refresh();
      for (const [service, calls] of this.#services)
        calls.tuned = tunedActions(needs.registry.service(service)?.calls);
    });
  }

  // eslint-disable-next-line max-params -- whom, what, with what, how: the signature every caller knows
  call(service: string, action: string, input: unknown, options = noOptions): Promise<unknown> {
    return this.#begin({ service, action, input, options, forHttp: false });
  }

  // eslint-disable-next-line max-params -- as `call`
  callForHttp(service: string, action: string, input: unknown, options = noOptions): Promise<Buffer> {
    return this.#begin({ service, action, input, options, forHttp: true }) as Promise<Buffer>;
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
    if (this.#isClosed) throw new TuttiError('CANCELLED');
    return this.#delivery.emit(event, payload, options);
  }

  stats(): CallerStats {
    const openBreakers = this.#peers.openBreakers();
    return { ...this.#counts, ...this.#outcomes.counts, retries: this.#routes.retries, openBreakers };
  }

  avoided(): Avoided[] {
    return this.#peers.avoided();
  }

  close(): Promise<void> {
    if (this.#isClosed) return Promise.resolve();
    this.#isClosed = true;
    this.#stopWatching();
    this.#sweepTimer?.cancel();
    this.#channels.close();
    for (const call of this.#live()) this.#takeBack(call, new TuttiError('CANCELLED'));
    this.#routes.pools.close();
    for (const peer of this.#peers.all()) peer.end();
    return Promise.resolve();
  }

  // --- one call, from its start to its end

  /** The executor's throw is the promise's rejection. */
  #begin(request: CallRequest): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#start(request, { resolve, reject });
    });
  }

  #start(request: CallRequest, { resolve, reject }: Settlers): PendingCall {
    this.#counts.calls += 1;
    const parent = parentOf(request.options);
    const span = callSpan(request, parent);
    try {
      const call = this.#prepare(request, { resolve, reject, parent, span });
      this.#counts.inFlight += 1;
      call.of.inFlight += 1;
      call.of.budget.called(call.startedAt);
      this.#sweepTimer ??= this.#needs.clock.after(sweepMs, this.#sweep);
      this.#listenForAbort(call, request.options.signal);
      if (!call.isSettled) this.#routes.attempt(call);
      return call;
    } catch (error) {
      this.#counts.failures += 1;
      endCallSpan(span, error);
      throw error;
    }
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
      start: (settlers) => this.#start({ ...request, stream }, settlers),
      takeBack: (call, error) => {
        this.#takeBack(call, error);
      },
    });
    return stream;
  }

  #prepare(request: CallRequest, { resolve, reject, parent, span }: Beginning): PendingCall {
    const { service, action, options } = request;
    const of = this.#callsTo(service);
    this.#refuseAtOnce(request, of);
    const startedAt = this.#needs.clock.now();
    const tuned = of.tuned.get(action) ?? untuned;
    const isStream = request.stream !== undefined;
    const deadline = deadlineOf(options, parent, startedAt, isStream ? Infinity : tuned.deadlineMs);
    // Written so that NaN is late too.
    if (!(deadline > startedAt)) throw timedOut({ service, action, startedAt, deadline });
    const flags = (request.forHttp ? frameFlags.http : 0) | (isStream ? frameFlags.stream : 0);
    const kind = frameKinds.request;
    const trace = span?.trace;
    const outgoing = { kind, body: request.input, flags, options, parent, deadline, trace };
    const frame = frameOf(outgoing, this.#newTraceId);
    // A stream has as long as a call to begin.
    const untilBegun = isStream ? Math.min(deadline, startedAt + bounds.callMs) : deadline;
    const sending = { of, tuned, frame, startedAt, deadline: untilBegun, resolve, reject, span };
    return makePendingCall(request, sending);
  }

  #refuseAtOnce({ service, action }: CallRequest, { inFlight }: ServiceCalls): void {
    if (this.#isClosed) throw new TuttiError('CANCELLED');
    if (this.#needs.maySelf?.(service) === false)
      throw new TuttiError('FORBIDDEN', { caller: 'This service', action: `${service}.${action}` });
    // One that does not answer must not take all the memory of those who ask it.
    if (inFlight >= bounds.callsToService) throw new TuttiError('OVERLOADED', { what: service });
  }

  #callsTo(service: string): ServiceCalls {
    const known = this.#services.get(service);
    if (known !== undefined) return known;
    const listed = this.#needs.registry.service(service);
    const calls = { budget: new RetryBudget(), inFlight: 0, tuned: tunedActions(listed?.calls) };
    // A name that nobody has is not remembered: there are too many of them.
    if (listed !== undefined) this.#services.set(service, calls);
    return calls;
  }

  #listenForAbort(call: PendingCall, signal: AbortSignal | undefined): void {
    if (signal === undefined) return;
    const takeBack = (): void => {
      this.#takeBack(call, new TuttiError('CANCELLED', {}, { cause: signal.reason }));
    };
    if (signal.aborted) {
      takeBack();
      return;
    }
    signal.addEventListener('abort', takeBack, { once: true });
    call.stopListening = () => {
      signal.removeEventListener('abort', takeBack);
    };
  }

  #takeBack(call: PendingCall, error: Error): void {
    this.#routes.takeBack(call);
    this.#fail(call, error);
  }

  #fail(call: PendingCall, error: Error): void {
    if (!this.#settle(call, error)) return;
    this.#counts.failures += 1;
    call.reject(error);
  }

  #settle(call: PendingCall, error?: Error): boolean {
    if (call.isSettled) return false;
    call.isSettled = true;
    this.#counts.inFlight -= 1;
    call.of.inFlight -= 1;
    call.stopListening?.();
    endCallSpan(call.span, error);
    return true;
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
      if (this.#settle(call)) call.resolve(body);
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
      this.#fail(
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
    if (this.#counts.inFlight > 0) this.#sweepTimer = this.#needs.clock.after(sweepMs, this.#sweep);
  };

  #expire(call: PendingCall): void {
    this.#counts.timeouts += 1;
    const { holder } = call;
    if (holder instanceof Peer) this.#outcomes.failed(call, holder, 'CALL_TIMED_OUT');
    this.#takeBack(call, timedOut(call));
  }

  /** Copied where it is taken from: settling takes calls away. */
  *#live(): Generator<PendingCall> {
    yield* this.#routes.waiting();
    for (const peer of this.#peers.all()) yield* peer.pending.all();
  }
}
