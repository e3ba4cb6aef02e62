/**
 * Tells the health of an instance how each call to it ended, and the log when that changes who is asked. Used by the caller.
 */
import { TuttiError } from '../core/errors.ts';
import type { Clock } from '../core/ports.ts';
import { isEventAction } from './kept-event.ts';
import { isJobAction } from './kept-job.ts';
import type { MeshLog } from './mesh-log.ts';
import type { Peer } from './peer.ts';
import type { PeerTable } from './peer-table.ts';
import type { PendingCall } from './pending-call.ts';

export interface Refusal {
  readonly error: TuttiError;
  /** It may go to another instance. */
  readonly isNotStarted: boolean;
}

export interface CallOutcomesNeeds {
  readonly clock: Clock;
  readonly log: MeshLog;
  readonly peers: PeerTable;
}

export class CallOutcomes {
  readonly counts = { breakersOpened: 0, outliers: 0 };
  readonly #needs: CallOutcomesNeeds;

  constructor(needs: CallOutcomesNeeds) {
    this.#needs = needs;
  }

  /** @param isFault it is an error that speaks against the instance. */
  answered(call: PendingCall, peer: Peer, isFault = false): void {
    const now = this.#needs.clock.now();
    const tookMs = isWork(call.action) ? undefined : now - call.sentAt;
    const closed = peer.health.answered(call.action, { now, tookMs, isFault });
    if (closed) this.#needs.log('info', 'An action is asked for again', fieldsOf(call, peer));
  }

  /** It did not answer in time or was lost: by the code. */
  failed(call: PendingCall, peer: Peer, code: string): void {
    const now = this.#needs.clock.now();
    const { isProbe, breaker: limits } = call;
    if (!peer.health.failed(call.action, { now, isProbe, code, limits })) return;
    this.counts.breakersOpened += 1;
    this.#needs.log('warn', 'An action failed too often: it is not asked for here for a while', {
      ...fieldsOf(call, peer),
      last: code,
    });
  }

  /**
   * An answer that is an error. What it calls may be lost, late or overloaded, and it passes that on: no reason not to ask it, but one to
   * ask those of its kind that do not. The same of one that has too much to do: it says so at once and goes on with what it can do, and
   * whoever asked it no more would take that from it too.
   */
  refused(call: PendingCall, peer: Peer, { error, isNotStarted }: Refusal): void {
    const isFault = error.http >= 500 && (!isNotStarted || error.code === 'OVERLOADED');
    this.answered(call, peer, isFault);
  }

  /** What the caller of a call hears whose connection is gone. */
  lossOf({ service, action, sentAt }: PendingCall, peer: Peer): TuttiError {
    const limitMs = action.startsWith('$') ? undefined : this.#needs.peers.pool(service)?.callLimitMs;
    // It ran alone for as long as it may: it was ended for that.
    if (limitMs !== undefined && this.#needs.clock.now() - sentAt >= limitMs)
      return new TuttiError('CALL_LIMIT_EXCEEDED', { action: `${service}.${action}`, limitMs });
    // Nobody knows whether it ran.
    return new TuttiError('INSTANCE_LOST', { instance: peer.id, executed: 'unknown' });
  }

  /** Now and then: who looks bad beside the others. */
  compare(): void {
    for (const { id: instance, health } of this.#needs.peers.judge()) {
      this.counts.outliers += 1;
      const { latencyMs, failures: part } = health;
      this.#needs.log('warn', 'An instance is slower or fails more than the others: it gets fewer calls', {
        instance,
        latencyMs: latencyMs === undefined ? null : Math.round(latencyMs * 10) / 10,
        failedPart: Math.round(part * 100) / 100,
      });
    }
  }
}

/** One job may take a thousand times as long as the next one of its queue: that says nothing about who does it. */
const isWork = (action: string): boolean => isJobAction(action) || isEventAction(action);

const fieldsOf = ({ service, action }: PendingCall, peer: Peer): Record<string, unknown> => ({
  action: `${service}.${action}`,
  instance: peer.id,
});
