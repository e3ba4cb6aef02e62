/**
 * Where a call goes, and where next: picks an instance, connects, sends; elsewhere when it did not start there, once more when that is
 * harmless. Settles nothing: that is the caller's, who owns it. The decisions are in core.
 */
import { bounds } from '../core/bounds.ts';
import { TuttiError } from '../core/errors.ts';
import type { Clock, Random, Timer } from '../core/ports.ts';
import { decideRetry } from '../core/retry-policy.ts';
import type { TryEnd } from '../core/retry-policy.ts';
import { askedWrongly } from './asked-wrongly.ts';
import { frameFlags } from './frames.ts';
import type { Peer } from './peer.ts';
import type { PeerTable } from './peer-table.ts';
import type { PendingCall } from './pending-call.ts';
import { PoolLines } from './pool-lines.ts';

export interface CallRoutesNeeds {
  readonly clock: Clock;
  readonly random: Random;
  readonly peers: PeerTable;
  readonly fail: (call: PendingCall, error: Error) => void;
}

/** Instances that one call may be carried to. */
const mostTries = 4;

export class CallRoutes {
  retries = 0;
  readonly pools: PoolLines;
  readonly #needs: CallRoutesNeeds;
  /** Those that wait for a connection. */
  readonly #connecting = new Map<PendingCall, Peer>();
  #connectingBytes = 0;
  /** Those that wait to be made once more. */
  readonly #resting = new Map<PendingCall, Timer>();

  constructor(needs: CallRoutesNeeds) {
    this.#needs = needs;
    this.pools = new PoolLines({
      ...needs,
      send: (call, peer, number) => {
        this.#send(call, peer, number);
      },
    });
  }

  /** That are with nobody. A copy: settling takes calls away. */
  waiting(): PendingCall[] {
    return [...this.#connecting.keys(), ...this.#resting.keys(), ...this.pools.waiting()];
  }

  /** Sends the call to an instance where it was not yet, or fails it. */
  attempt(call: PendingCall): void {
    if (this.pools.isFor(call)) {
      this.pools.add(call);
      return;
    }
    const peer = this.#pick(call);
    if (peer instanceof Error) this.#needs.fail(call, peer);
    else if (peer.isOpen) this.#send(call, peer);
    else this.#connect(call, peer);
  }

  /** It is not wanted any more. */
  takeBack(call: PendingCall): void {
    this.#stopConnecting(call);
    this.#resting.get(call)?.cancel();
    this.#resting.delete(call);
    this.pools.remove(call);
    call.holder?.withdraw(call);
  }

  /** After a try that did not succeed. @param error what the caller hears when it was the last one. */
  next(call: PendingCall, peer: Peer, { end, error }: { readonly end: TryEnd; readonly error: Error }): void {
    const { clock, random } = this.#needs;
    if (call.stream?.hasBegun === true) {
      // What has moved cannot be taken back.
      this.#needs.fail(call, error);
      return;
    }
    const verdict = decideRetry(
      end,
      {
        isHarmless: call.isIdempotent || call.hasKey,
        isOwner: call.isOwner,
        retries: call.retries,
        mostRetries: call.mostRetries,
        deadline: call.deadline,
      },
      { now: clock.now(), random, budget: call.of.budget },
    );
    if (verdict.verdict === 'fail') {
      this.#needs.fail(call, error);
      return;
    }
    call.holder = undefined;
    call.lastError = error;
    call.tried.push(peer);
    if (verdict.verdict === 'elsewhere') this.attempt(call);
    else this.#rest(call, verdict.afterMs, end.end === 'answered');
  }

  #rest(call: PendingCall, afterMs: number, mayReturn: boolean): void {
    call.retries += 1;
    call.mayReturn = mayReturn;
    // Whoever is asked by it does not repeat on its own.
    call.frame.flags |= frameFlags.nested;
    this.retries += 1;
    const timer = this.#needs.clock.after(afterMs, () => {
      this.#resting.delete(call);
      this.attempt(call);
    });
    this.#resting.set(call, timer);
  }

  #pick(call: PendingCall): Peer | Error {
    const { peers, clock } = this.#needs;
    const { service, action, slot } = call;
    // The first time it is now, or nearly so.
    const now = call.tried.length === 0 ? call.startedAt : clock.now();
    const wish = { action, slot, now, tried: call.tried };
    call.sentAt = now;
    let peer = call.tried.length < mostTries ? peers.pick(service, wish) : undefined;
    // Who answered with an error can be asked again when there is nobody else.
    if (peer === undefined && call.mayReturn) peer = peers.pick(service, { ...wish, tried: [] });
    if (peer !== undefined) return peer;
    if (call.lastError !== undefined) return call.lastError;
    const probeAt = peers.probeAt(service, wish);
    if (probeAt === undefined) return new TuttiError('NO_INSTANCE', { service });
    const retryAfterMs = Math.max(1, Math.ceil(probeAt - now));
    return new TuttiError('CIRCUIT_OPEN', { action: `${service}.${action}`, retryAfterMs });
  }

  /** What waits for connections is bounded like what waits on one. */
  #connect(call: PendingCall, peer: Peer): void {
    if (this.#connectingBytes >= bounds.outgoingBytes) {
      this.#needs.fail(call, new TuttiError('OVERLOADED', { what: `The connection to ${peer.id}` }));
      return;
    }
    this.#connecting.set(call, peer);
    peer.awaiting += 1;
    this.#connectingBytes += call.frame.bytes;
    void peer.open().then(
      () => {
        if (this.#stopConnecting(call)) this.#send(call, peer);
      },
      (error: unknown) => {
        if (this.#stopConnecting(call)) this.#unreachable(call, peer, error);
      },
    );
  }

  /** False when it was settled meanwhile. */
  #stopConnecting(call: PendingCall): boolean {
    const peer = this.#connecting.get(call);
    if (peer === undefined) return false;
    this.#connecting.delete(call);
    peer.awaiting -= 1;
    this.#connectingBytes -= call.frame.bytes;
    return true;
  }

  #send(call: PendingCall, peer: Peer, number?: number): void {
    const offer = peer.offer(call.action);
    if (offer === undefined) {
      // A peer that was lost between its welcome and now knows no actions either.
      if (!peer.isOpen) this.#unreachable(call, peer, undefined);
      else this.#needs.fail(call, unknownAction(`${call.service}.${call.action}`));
      return;
    }
    if (offer.silenceMs !== undefined && call.stream?.isChannel === !offer.isChannel) {
      this.#needs.fail(call, askedWrongly(call.action, offer.isChannel ? 'channel' : 'stream'));
      return;
    }
    call.frame.action = offer.number;
    call.isIdempotent = offer.isIdempotent;
    if (!call.hasPriority && offer.priority !== undefined) call.frame.priority = offer.priority;
    if (!peer.send(call, number))
      this.#needs.fail(call, new TuttiError('OVERLOADED', { what: `The connection to ${peer.id}` }));
  }

  #unreachable(call: PendingCall, peer: Peer, cause: unknown): void {
    const reason = cause instanceof TuttiError ? cause.data['reason'] : 'closed';
    const data = { instance: peer.id, reason, executed: 'no' };
    const error = new TuttiError('CONNECTION_REFUSED', data, { cause });
    this.next(call, peer, { end: { end: 'not-started', code: error.code }, error });
  }
}

const unknownAction = (action: string): TuttiError =>
  new TuttiError('UNKNOWN_ACTION', { action }, { from: action });
