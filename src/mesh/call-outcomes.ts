/**
 * Tells the health of an instance how each call to it ended, and the log when that changes who is asked. Used by the caller.
 */
import type { Clock } from '../core/ports.ts';
import type { MeshLog } from './mesh-log.ts';
import type { Peer } from './peer.ts';
import type { PeerTable } from './peer-table.ts';
import type { PendingCall } from './pending-call.ts';

export interface CallOutcomesNeeds {
  readonly clock: Clock;
  readonly log: MeshLog;
  readonly peers: PeerTable;
}

/** What speaks against an instance, and not against what it was asked. */
const failures: ReadonlySet<string> = new Set(['CALL_TIMED_OUT', 'INSTANCE_LOST', 'OVERLOADED']);

export class CallOutcomes {
  readonly counts = { breakersOpened: 0, outliers: 0 };
  readonly #needs: CallOutcomesNeeds;

  constructor(needs: CallOutcomesNeeds) {
    this.#needs = needs;
  }

  /** @param httpOfError of an answer that is an error. */
  answered(call: PendingCall, peer: Peer, httpOfError = 0): void {
    const now = this.#needs.clock.now();
    const closed = peer.health.answered(call.action, {
      now,
      tookMs: now - call.sentAt,
      isFault: httpOfError >= 500,
    });
    if (closed) this.#needs.log('info', 'An action is asked for again', fieldsOf(call, peer));
  }

  /** With a code that says so. */
  failed(call: PendingCall, peer: Peer, code: string): void {
    if (!peer.health.failed(call.action, this.#needs.clock.now(), call.isProbe)) return;
    this.counts.breakersOpened += 1;
    this.#needs.log('warn', 'An action failed too often: it is not asked for here for a while', {
      ...fieldsOf(call, peer),
      last: code,
    });
  }

  /** An answer that is an error. */
  refused(
    call: PendingCall,
    peer: Peer,
    { code, http }: { readonly code: string; readonly http: number },
  ): void {
    if (failures.has(code)) this.failed(call, peer, code);
    else this.answered(call, peer, http);
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

const fieldsOf = ({ service, action }: PendingCall, peer: Peer): Record<string, unknown> => ({
  action: `${service}.${action}`,
  instance: peer.id,
});
