/**
 * Gives locks to instances. The decisions are in core/lock-table; a lease is remembered for a successor before its holder hears of it.
 * Used by the running app.
 */
import { instanceId } from '../../core/ids.ts';
import type { SlotState } from '../../core/instance-state.ts';
import type { Lease, LockGrant } from '../../core/lock-table.ts';
import { LockTable } from '../../core/lock-table.ts';
import { isPlainObject } from '../../core/options.ts';
import type { Clock, Timer } from '../../core/ports.ts';
import type { InstanceMessage, SupervisorMessage } from '../../mesh/control-protocol.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { Welcome } from './keeper-link.ts';

export type LockMessage = Extract<InstanceMessage, { op: 'lock' | 'unwait' | 'renew' | 'unlock' }>;

export interface LocksNeeds {
  readonly clock: Clock;
  readonly log: Logger;
  readonly nextFence: () => number;
  readonly slot: (id: string) => SlotState | undefined;
  readonly send: (id: string, message: SupervisorMessage) => boolean;
  /** For a successor; null: it is held no more. */
  readonly remember: (key: string, lease: Lease | null) => Promise<unknown>;
}

const memoPrefix = 'lock:';
/** Until a disk that took nothing is tried again. */
const againMs = 1_000;

export class Locks {
  readonly #needs: LocksNeeds;
  readonly #table: LockTable;
  #timer: Timer | undefined;

  constructor(needs: LocksNeeds) {
    this.#needs = needs;
    this.#table = new LockTable(needs.nextFence);
  }

  /** As a predecessor left them. */
  restore(memos: Welcome['memos']): void {
    for (const [key, memo] of Object.entries(memos))
      if (key.startsWith(memoPrefix) && isPlainObject(memo))
        this.#table.restore(memo as unknown as Lease, this.#needs.clock.now());
    this.#arm();
  }

  /** @param id of the slot that says it: who is current there the control server has checked. */
  hear(id: string, message: LockMessage): void {
    const slot = this.#needs.slot(id);
    if (slot === undefined) return;
    const holder = instanceId(slot);
    const now = this.#needs.clock.now();
    const { name } = message;
    if (message.op === 'lock') this.#ask(id, holder, message);
    else if (message.op === 'unwait') this.#table.withdraw(name, { holder, id: message.id });
    else if (message.op === 'renew') {
      const { fence } = message;
      const lease = this.#table.renew(name, { holder, fence }, now);
      this.#needs.send(id, { op: 'renewed', fence, expiresAt: lease?.expiresAt ?? null });
    } else this.#passOn(name, () => this.#table.release(name, { holder, fence: message.fence }, now));
    this.#arm();
  }

  /** Its process has ended. */
  gone(holder: string): void {
    this.#free(this.#table.gone(holder, this.#needs.clock.now()));
  }

  close(): void {
    this.#timer?.cancel();
  }

  #ask(
    id: string,
    holder: string,
    { name, ttlMs, waits, id: question }: Extract<LockMessage, { op: 'lock' }>,
  ): void {
    const { clock, send } = this.#needs;
    const held = this.#table.holderOf(name);
    if (held !== undefined && !waits) {
      send(id, { op: 'refused', id: question, problem: 'taken', holder: held });
      return;
    }
    const asker = { holder, id: question, ttlMs };
    const answer = this.#guarded(() => this.#table.ask(name, asker, clock.now())) ?? 'full';
    if (answer === 'full') send(id, { op: 'refused', id: question, problem: 'full', holder: '' });
    else if (answer !== 'waits') void this.#give(answer);
  }

  #passOn(name: string, release: () => LockGrant | undefined): void {
    this.#guarded(() => {
      const grant = release();
      if (grant !== undefined) void this.#give(grant);
      else if (this.#table.holderOf(name) === undefined) this.#forget(name);
    });
  }

  #free({
    freed,
    grants,
  }: {
    readonly freed: readonly Lease[];
    readonly grants: readonly LockGrant[];
  }): void {
    for (const { name, holder } of freed) {
      this.#needs.log.warn('A lock was taken from who held it', { name, holder });
      if (this.#table.holderOf(name) === undefined) this.#forget(name);
    }
    for (const grant of grants) void this.#give(grant);
    this.#arm();
  }

  /** What cannot be remembered is not given: a successor would give it to somebody else. */
  async #give({ lease, id }: LockGrant): Promise<void> {
    const { remember, send, log } = this.#needs;
    try {
      await remember(memoPrefix + lease.name, lease);
    } catch (error) {
      log.error('A lock cannot be remembered, and was not given', { name: lease.name, error: String(error) });
      this.#passOn(lease.name, () => this.#table.release(lease.name, lease, this.#needs.clock.now()));
      return;
    }
    const { name, holder, fence, expiresAt } = lease;
    // It died meanwhile: in its place is a process with questions of its own.
    if (this.#table.holderOf(name) !== holder) return;
    send(holder.slice(0, holder.lastIndexOf('@')), { op: 'locked', id, name, fence, expiresAt });
  }

  #forget(name: string): void {
    this.#needs.remember(memoPrefix + name, null).catch(() => undefined);
  }

  /** A disk that takes nothing gives no numbers: undefined, and those who wait wait on. */
  #guarded<T>(run: () => T): T | undefined {
    try {
      return run();
    } catch (error) {
      this.#needs.log.error('No lock can be given', { error: String(error) });
      this.#arm(againMs);
      return undefined;
    }
  }

  #arm(leastMs = 0): void {
    const { clock } = this.#needs;
    this.#timer?.cancel();
    const { nextExpiry } = this.#table;
    if (nextExpiry === Infinity) return;
    this.#timer = clock.after(Math.max(leastMs, nextExpiry - clock.now()), () => {
      this.#guarded(() => {
        this.#free(this.#table.expire(clock.now()));
      });
    });
  }
}
