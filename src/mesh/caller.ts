/**
 * Calls actions and emits events, wherever the instances are. Every call settles exactly once: answer, typed error or
 * `CALL_TIMED_OUT`. Used by the host for `calls`, by gateways and by the CLI's way in.
 * It repeats a call only where that is safe: not started there, or idempotent and owned by this caller.
 */
import { bounds } from '../core/bounds.ts';
import type { Certificate, CertificateClaims } from '../core/certificate.ts';
import { isTuttiError, TuttiError } from '../core/errors.ts';
import type { Clock, Random, Timer } from '../core/ports.ts';
import { readBody } from './body.ts';
import { currentContext } from './context.ts';
import { EventDelivery } from './event-delivery.ts';
import { frameFlags, frameKinds, readBodyBytes } from './frames.ts';
import type { IncomingFrame } from './frames.ts';
import type { MeshLog } from './mesh-log.ts';
import { deadlineOf, frameOf } from './outgoing-call.ts';
import type { CallOptions } from './outgoing-call.ts';
import { Peer } from './peer.ts';
import type { PeerOwner } from './peer.ts';
import { PeerTable } from './peer-table.ts';
import { makePendingCall, timedOut } from './pending-call.ts';
import type { CallRequest, PendingCall, Settlers } from './pending-call.ts';
import type { RegistryView } from './registry-view.ts';
import { makeTraceIds } from './trace-ids.ts';
import type { TraceIds } from './trace-ids.ts';
import type { Transport } from './transport/transport.ts';
import { readWireError } from './wire-error.ts';

export interface CallerStats {
  readonly inFlight: number;
  readonly calls: number;
  readonly failures: number;
  readonly retries: number;
  readonly lateAnswers: number;
  readonly timeouts: number;
}

export interface Caller {
  call(service: string, action: string, input: unknown, options?: CallOptions): Promise<unknown>;
  /** The answer as it came, JSON text not parsed, in the shape the action declares for HTTP. */
  callForHttp(service: string, action: string, input: unknown, options?: CallOptions): Promise<Buffer>;
  /** To who is there now: one instance of each balanced subscriber, all of each broadcast one. Resolves once handed over. */
  emit(event: string, payload: unknown, options?: CallOptions): Promise<{ delivered: number }>;
  stats(): CallerStats;
  /** Takes back what waits; closing twice is harmless. */
  close(): Promise<void>;
}

export interface CallerNeeds {
  readonly transport: Transport;
  readonly registry: RegistryView;
  readonly clock: Clock;
  readonly random: Random;
  /** Who calls. */
  readonly certificate: Certificate;
  readonly verify: (certificate: Certificate) => CertificateClaims | undefined;
  /** Refuses before anything is sent; the callee asks the certificate anyway. */
  readonly maySelf?: ((service: string) => boolean) | undefined;
  readonly log: MeshLog;
}

export const makeCaller = (needs: CallerNeeds): Caller => new MeshCaller(needs);

/** A call is settled at most this long after its deadline, and a little more when the loop is late. */
const sweepMs = 25;
/** Instances that one call may be carried to. */
const mostTries = 4;
const noOptions: CallOptions = {};

const unknownAction = (action: string): TuttiError =>
  new TuttiError('UNKNOWN_ACTION', { action }, { from: action });

class MeshCaller implements Caller, PeerOwner {
  readonly #needs: CallerNeeds;
  readonly #ids: TraceIds;
  readonly #peers: PeerTable;
  readonly #delivery: EventDelivery;
  readonly #stopWatching: () => void;
  /** Calls that wait for a connection; the others are with their peer. */
  readonly #connecting = new Set<PendingCall>();
  #connectingBytes = 0;
  #sweepTimer: Timer | undefined;
  #isClosed = false;
  readonly #counts = { inFlight: 0, calls: 0, failures: 0, retries: 0, lateAnswers: 0, timeouts: 0 };

  constructor(needs: CallerNeeds) {
    this.#needs = needs;
    this.#ids = makeTraceIds(needs.random);
    const makePeer = (instance: Peer['instance']): Peer => new Peer(instance, needs, this);
    this.#peers = new PeerTable({ registry: needs.registry, random: needs.random, makePeer });
    this.#delivery = new EventDelivery(needs.registry, this.#peers, needs.log);
    this.#stopWatching = needs.registry.onChange(() => {
      this.#peers.refresh();
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

  async emit(event: string, payload: unknown, options = noOptions): Promise<{ delivered: number }> {
    if (this.#isClosed) throw new TuttiError('CANCELLED');
    const parent = options.context === undefined ? currentContext() : undefined;
    const kind = frameKinds.event;
    const frame = frameOf({ kind, body: payload, flags: 0, options, parent, deadline: Infinity }, this.#ids);
    return { delivered: await this.#delivery.deliver(event, frame) };
  }

  stats(): CallerStats {
    return { ...this.#counts };
  }

  close(): Promise<void> {
    if (this.#isClosed) return Promise.resolve();
    this.#isClosed = true;
    this.#stopWatching();
    this.#sweepTimer?.cancel();
    for (const call of this.#live()) this.#takeBack(call, new TuttiError('CANCELLED'));
    for (const peer of this.#peers.all()) peer.end();
    return Promise.resolve();
  }

  // --- one call, from its start to its end

  /** The executor's throw is the promise's rejection. */
  #begin(request: CallRequest): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#counts.calls += 1;
      try {
        const call = this.#prepare(request, { resolve, reject });
        this.#counts.inFlight += 1;
        this.#sweepTimer ??= this.#needs.clock.after(sweepMs, this.#sweep);
        this.#listenForAbort(call, request.options.signal);
        if (!call.isSettled) this.#attempt(call);
      } catch (error) {
        this.#counts.failures += 1;
        throw error;
      }
    });
  }

  #prepare(request: CallRequest, settlers: Settlers): PendingCall {
    const { service, action, options } = request;
    this.#refuseAtOnce(service, action);
    const parent = options.context === undefined ? currentContext() : undefined;
    const startedAt = this.#needs.clock.now();
    const deadline = deadlineOf(options, parent, startedAt);
    // Written so that NaN is late too.
    if (!(deadline > startedAt)) throw timedOut({ service, action, startedAt, deadline });
    const flags = request.forHttp ? frameFlags.http : 0;
    const kind = frameKinds.request;
    const frame = frameOf({ kind, body: request.input, flags, options, parent, deadline }, this.#ids);
    return makePendingCall(request, { frame, startedAt, deadline, ...settlers });
  }

  #refuseAtOnce(service: string, action: string): void {
    if (this.#isClosed) throw new TuttiError('CANCELLED');
    if (this.#needs.maySelf?.(service) !== false) return;
    throw new TuttiError('FORBIDDEN', { caller: 'This service', action: `${service}.${action}` });
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

  /** Sends the call to an instance where it was not yet, or ends it. */
  #attempt(call: PendingCall): void {
    const peer =
      call.tried.length < mostTries ? this.#peers.pick(call.service, call.tried, call.slot) : undefined;
    if (peer === undefined) {
      this.#fail(call, call.lastError ?? new TuttiError('NO_INSTANCE', { service: call.service }));
    } else if (peer.isOpen) {
      this.#send(call, peer);
    } else {
      this.#connect(call, peer);
    }
  }

  /** What waits for connections is bounded like what waits on one. */
  #connect(call: PendingCall, peer: Peer): void {
    if (this.#connectingBytes >= bounds.outgoingBytes) {
      this.#fail(call, new TuttiError('OVERLOADED', { what: `The connection to ${peer.id}` }));
      return;
    }
    this.#connecting.add(call);
    this.#connectingBytes += call.frame.bytes;
    void peer.open().then(
      () => {
        if (this.#stopConnecting(call)) this.#send(call, peer);
      },
      (error: unknown) => {
        if (this.#stopConnecting(call)) this.#elsewhere(call, peer, this.#unreachable(peer, error));
      },
    );
  }

  /** False when it was settled meanwhile. */
  #stopConnecting(call: PendingCall): boolean {
    if (!this.#connecting.delete(call)) return false;
    this.#connectingBytes -= call.frame.bytes;
    return true;
  }

  #send(call: PendingCall, peer: Peer): void {
    const offer = peer.offer(call.action);
    if (offer === undefined) {
      // A peer that was lost between its welcome and now knows no actions either.
      if (!peer.isOpen) this.#elsewhere(call, peer, this.#unreachable(peer, undefined));
      else this.#fail(call, unknownAction(`${call.service}.${call.action}`));
      return;
    }
    call.frame.action = offer.number;
    call.isIdempotent = offer.isIdempotent;
    if (!peer.send(call))
      this.#fail(call, new TuttiError('OVERLOADED', { what: `The connection to ${peer.id}` }));
  }

  /** For a call that did not run at `peer`: any action may be tried at another instance. */
  #elsewhere(call: PendingCall, peer: Peer, error: Error): void {
    call.holder = undefined;
    call.tried.push(peer);
    call.lastError = error;
    this.#attempt(call);
  }

  #unreachable(peer: Peer, cause: unknown): TuttiError {
    const reason = cause instanceof TuttiError ? cause.data['reason'] : 'closed';
    this.#needs.log('warn', 'An instance was not reached', { instance: peer.id, reason });
    return new TuttiError('CONNECTION_REFUSED', { instance: peer.id, reason, executed: 'no' }, { cause });
  }

  #takeBack(call: PendingCall, error: Error): void {
    this.#stopConnecting(call);
    call.holder?.withdraw(call);
    this.#fail(call, error);
  }

  #fail(call: PendingCall, error: Error): void {
    if (!this.#settle(call)) return;
    this.#counts.failures += 1;
    call.reject(error);
  }

  #settle(call: PendingCall): boolean {
    if (call.isSettled) return false;
    call.isSettled = true;
    this.#counts.inFlight -= 1;
    call.stopListening?.();
    return true;
  }

  // --- what peers say

  answered(peer: Peer, call: PendingCall, frame: IncomingFrame): void {
    const isError = frame.kind === frameKinds.error;
    const body = call.wantsBytes && !isError ? readBodyBytes(frame) : this.#readAnswer(call, frame);
    if (isError && !call.isSettled)
      this.#refused(call, peer, {
        error: readWireError(body, `${call.service}.${call.action}`),
        flags: frame.flags,
      });
    else if (this.#settle(call)) call.resolve(body);
  }

  #refused(call: PendingCall, peer: Peer, answer: { error: TuttiError; flags: number }): void {
    const isNotStarted = (answer.flags & frameFlags.notStarted) !== 0;
    if (isNotStarted && answer.error.code === 'STOPPING') this.#elsewhere(call, peer, answer.error);
    else this.#fail(call, answer.error);
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

  answeredLate(): void {
    this.#counts.lateAnswers += 1;
  }

  leaving(): void {
    this.#peers.refresh();
  }

  lost(peer: Peer, calls: PendingCall[], fault: string | undefined): void {
    if (fault !== undefined) {
      this.#needs.log('warn', 'A connection was closed: the other side broke the protocol', {
        instance: peer.id,
        reason: fault,
      });
    }
    for (const call of calls) this.#afterLoss(call, peer);
  }

  /** Nobody knows whether it ran. Once more, elsewhere, when that is harmless and nobody above us will do it. */
  #afterLoss(call: PendingCall, peer: Peer): void {
    const error = new TuttiError('INSTANCE_LOST', { instance: peer.id, executed: 'unknown' });
    const isNested = (call.frame.flags & frameFlags.nested) !== 0;
    const isHarmless = call.isIdempotent || call.hasKey;
    if (isNested || call.isRepeated || !isHarmless) {
      this.#fail(call, error);
      return;
    }
    call.isRepeated = true;
    call.frame.flags |= frameFlags.nested;
    this.#counts.retries += 1;
    this.#elsewhere(call, peer, error);
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
    if (this.#counts.inFlight > 0) this.#sweepTimer = this.#needs.clock.after(sweepMs, this.#sweep);
  };

  #expire(call: PendingCall): void {
    this.#counts.timeouts += 1;
    this.#takeBack(call, timedOut(call));
  }

  /** Copied where it is taken from: settling takes calls away. */
  *#live(): Generator<PendingCall> {
    yield* [...this.#connecting];
    for (const peer of this.#peers.all()) yield* [...peer.pending.values()];
  }
}
