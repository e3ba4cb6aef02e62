/**
 * The calls of one process that wait for a place in a pool: in line here, at the caller, so that whichever instance is free first gets the
 * next. It asks all instances of the service for their place, gives the first it gets to whose turn it is, and takes the other questions
 * back when nobody waits. Used by the call routes, which send and settle.
 */
import { bounds } from '../core/bounds.ts';
import { TuttiError } from '../core/errors.ts';
import type { Clock, Timer } from '../core/ports.ts';
import { WaitingLine } from '../core/waiting-line.ts';
import type { Peer } from './peer.ts';
import type { PeerTable } from './peer-table.ts';
import type { PendingCall } from './pending-call.ts';

export interface PoolLinesNeeds {
  readonly clock: Clock;
  readonly peers: PeerTable;
  /** To an instance that keeps its place for the call of this number. */
  readonly send: (call: PendingCall, peer: Peer, number: number) => void;
  readonly fail: (call: PendingCall, error: Error) => void;
}

interface Waiter {
  readonly call: PendingCall;
  readonly startedAt: number;
  readonly priority: number;
}

/** After a connection that failed. */
const againMs = 100;

class PoolLine {
  readonly line = new WaitingLine<Waiter>();
  readonly waiters = new Map<PendingCall, Waiter>();
  bytes = 0;

  add(call: PendingCall, priority: number): void {
    const waiter = { call, startedAt: call.startedAt, priority };
    this.waiters.set(call, waiter);
    this.line.add(waiter);
    this.bytes += call.frame.bytes;
  }

  remove(call: PendingCall): boolean {
    const waiter = this.waiters.get(call);
    if (waiter === undefined) return false;
    this.waiters.delete(call);
    this.line.remove(waiter);
    this.bytes -= call.frame.bytes;
    return true;
  }
}

export class PoolLines {
  readonly #needs: PoolLinesNeeds;
  readonly #lines = new Map<string, PoolLine>();
  readonly #connecting = new Set<Peer>();
  #timer: Timer | undefined;

  constructor(needs: PoolLinesNeeds) {
    this.#needs = needs;
  }

  /** Whether it is a call that needs a place: what is asked of one instance, or by us of all, does not. */
  isFor({ service, action, slot }: PendingCall): boolean {
    return slot === undefined && !action.startsWith('$') && this.#needs.peers.pool(service) !== undefined;
  }

  add(call: PendingCall): void {
    const { peers, fail } = this.#needs;
    const { service, action, hasPriority, frame } = call;
    const first = peers.of(service).find(({ isSpare }) => !isSpare);
    const line = this.#lineOf(service);
    if (first === undefined) fail(call, call.lastError ?? new TuttiError('NO_INSTANCE', { service }));
    else if (line.line.size >= bounds.poolQueue || line.bytes >= bounds.poolQueueBytes)
      fail(call, new TuttiError('OVERLOADED', { what: `The pool ${service}` }));
    else {
      line.add(call, hasPriority ? frame.priority : (first.offer(action)?.priority ?? frame.priority));
      this.#look(service, line);
    }
  }

  remove(call: PendingCall): void {
    const line = this.#lines.get(call.service);
    if (line?.remove(call) === true) this.#look(call.service, line);
  }

  *waiting(): Generator<PendingCall> {
    for (const { waiters } of this.#lines.values()) yield* waiters.keys();
  }

  /** `peer` keeps its place for us. */
  placed(peer: Peer): void {
    const { service } = peer.instance;
    const { clock, send } = this.#needs;
    const number = peer.takePlace();
    const line = this.#lineOf(service);
    const now = clock.now();
    const call = this.#serves(peer) ? line.line.next(now)?.call : undefined;
    if (call === undefined) {
      peer.giveBack(number);
      return;
    }
    line.remove(call);
    call.sentAt = now;
    send(call, peer, number);
    if (call.holder !== peer) peer.giveBack(number);
    this.#look(service, line);
  }

  close(): void {
    this.#timer?.cancel();
  }

  /** Somebody came or went. */
  refresh(): void {
    for (const [service, line] of this.#lines) this.#look(service, line);
  }

  /** It may have been told to finish since it was asked. */
  #serves(peer: Peer): boolean {
    return !peer.isSpare && this.#needs.peers.of(peer.instance.service).includes(peer);
  }

  #lineOf(service: string): PoolLine {
    let line = this.#lines.get(service);
    if (line === undefined) this.#lines.set(service, (line = new PoolLine()));
    return line;
  }

  #look(service: string, { line }: PoolLine): void {
    for (const peer of this.#needs.peers.of(service)) {
      // To spares too: whoever takes over is to be there at once.
      if (!peer.isOpen) this.#open(peer);
      else if (line.size === 0 || peer.isSpare) peer.dropQuestion();
      else peer.askForPlace();
    }
  }

  #again(): void {
    if (this.#timer !== undefined || this.waiting().next().done === true) return;
    this.#timer = this.#needs.clock.after(againMs, () => {
      this.#timer = undefined;
      this.refresh();
    });
  }

  #open(peer: Peer): void {
    if (this.#connecting.has(peer)) return;
    this.#connecting.add(peer);
    const done = (): void => {
      this.#connecting.delete(peer);
      this.refresh();
    };
    void peer.open().then(done, () => {
      // Whoever waits looks again; for nobody it is not tried again until somebody comes or goes.
      this.#connecting.delete(peer);
      this.#again();
    });
  }
}
