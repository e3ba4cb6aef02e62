/**
 * Who holds which lock, until when, and who waits for it: leases with fencing numbers. Pure: time and numbers come in. Used by the supervisor,
 * and by an app inside a test. A holder that is paused beyond its lease has lost it, whatever it believes; the number tells those it
 * writes to. Source: Kleppmann, "How to do distributed locking" (fencing tokens).
 */
import { bounds } from './bounds.ts';

/** Somebody who asks: `id` is its own number for the question. */
export interface LockAsker {
  readonly holder: string;
  readonly id: number;
  readonly ttlMs: number;
}

export interface Lease {
  readonly name: string;
  readonly holder: string;
  /** Grows with each lease, of whatever lock. */
  readonly fence: number;
  readonly ttlMs: number;
  readonly expiresAt: number;
}

/** `id`: of the question that it answers. */
export interface LockGrant {
  readonly lease: Lease;
  readonly id: number;
}

interface Lock {
  lease: Lease;
  readonly waiting: LockAsker[];
}

export class LockTable {
  readonly #nextFence: () => number;
  readonly #locks = new Map<string, Lock>();
  #waiting = 0;

  /** @param nextFence throws where no number can be had; then nothing is given. */
  constructor(nextFence: () => number) {
    this.#nextFence = nextFence;
  }

  /** `full`: too many locks, or too many who wait. */
  ask(name: string, asker: LockAsker, now: number): LockGrant | 'waits' | 'full' {
    const lock = this.#locks.get(name);
    if (lock === undefined) {
      if (this.#locks.size >= bounds.locks) return 'full';
      const grant = this.#grant(name, asker, now);
      this.#locks.set(name, { lease: grant.lease, waiting: [] });
      return grant;
    }
    if (this.#waiting >= bounds.lockWaiters) return 'full';
    lock.waiting.push(asker);
    this.#waiting += 1;
    return 'waits';
  }

  /** Whoever holds it. */
  holderOf(name: string): string | undefined {
    return this.#locks.get(name)?.lease.holder;
  }

  /** Undefined: it was lost meanwhile. */
  renew(name: string, { holder, fence }: Pick<Lease, 'holder' | 'fence'>, now: number): Lease | undefined {
    const lock = this.#lockOf(name, holder, fence);
    if (lock === undefined) return undefined;
    lock.lease = { ...lock.lease, expiresAt: now + lock.lease.ttlMs };
    return lock.lease;
  }

  /** Gives the grant to who waited longest, if anybody did; undefined also when it was not held. */
  release(
    name: string,
    { holder, fence }: Pick<Lease, 'holder' | 'fence'>,
    now: number,
  ): LockGrant | undefined {
    const lock = this.#lockOf(name, holder, fence);
    return lock === undefined ? undefined : this.#pass(name, lock, now);
  }

  /** It does not wait any more. */
  withdraw(name: string, { holder, id }: Pick<LockAsker, 'holder' | 'id'>): void {
    const lock = this.#locks.get(name);
    const at = lock?.waiting.findIndex((asker) => asker.holder === holder && asker.id === id) ?? -1;
    if (at < 0) return;
    lock?.waiting.splice(at, 1);
    this.#waiting -= 1;
  }

  /** Its process has ended: it waits for nothing, and what it held is given on. */
  gone(holder: string, now: number): { readonly freed: Lease[]; readonly grants: LockGrant[] } {
    for (const { waiting } of this.#locks.values())
      for (let at = waiting.length - 1; at >= 0; at -= 1)
        if (waiting[at]?.holder === holder) {
          waiting.splice(at, 1);
          this.#waiting -= 1;
        }
    return this.#free(({ lease }) => lease.holder === holder, now);
  }

  /** Leases that were not renewed in time. */
  expire(now: number): { readonly freed: Lease[]; readonly grants: LockGrant[] } {
    return this.#free(({ lease }) => lease.expiresAt <= now, now);
  }

  /** Of a predecessor: nobody knows when it was renewed last, so it begins anew. */
  restore(lease: Lease, now: number): void {
    this.#locks.set(lease.name, { lease: { ...lease, expiresAt: now + lease.ttlMs }, waiting: [] });
  }

  /** When `expire` has something to do next. */
  get nextExpiry(): number {
    let next = Infinity;
    for (const { lease } of this.#locks.values()) next = Math.min(next, lease.expiresAt);
    return next;
  }

  leases(): Lease[] {
    return [...this.#locks.values()].map(({ lease }) => lease);
  }

  #lockOf(name: string, holder: string, fence: number): Lock | undefined {
    const lock = this.#locks.get(name);
    return lock?.lease.fence === fence && lock.lease.holder === holder ? lock : undefined;
  }

  #free(isFree: (lock: Lock) => boolean, now: number): { freed: Lease[]; grants: LockGrant[] } {
    const freed: Lease[] = [];
    const grants: LockGrant[] = [];
    for (const [name, lock] of [...this.#locks]) {
      if (!isFree(lock)) continue;
      freed.push(lock.lease);
      const grant = this.#pass(name, lock, now);
      if (grant !== undefined) grants.push(grant);
    }
    return { freed, grants };
  }

  #pass(name: string, lock: Lock, now: number): LockGrant | undefined {
    const next = lock.waiting[0];
    if (next === undefined) {
      this.#locks.delete(name);
      return undefined;
    }
    const grant = this.#grant(name, next, now);
    lock.waiting.shift();
    this.#waiting -= 1;
    lock.lease = grant.lease;
    return grant;
  }

  #grant(name: string, { holder, id, ttlMs }: LockAsker, now: number): LockGrant {
    return { lease: { name, holder, fence: this.#nextFence(), ttlMs, expiresAt: now + ttlMs }, id };
  }
}
