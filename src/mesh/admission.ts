/**
 * Who of an action's calls runs, waits or is turned away. It keeps the line and the count; running, answering and
 * the time are the responder's.
 */
import { WaitingLine } from '../core/waiting-line.ts';
import type { Waiting } from '../core/waiting-line.ts';

export interface Admitted extends Waiting {
  readonly bytes: number;
}

export interface AdmissionLimits {
  readonly concurrency: number;
  readonly queue: number;
  readonly queueBytes: number;
}

export interface Admittance<Work> {
  /** `run`: it holds a place until `leave`. `full`: it is not kept. */
  readonly verdict: 'run' | 'wait' | 'full';
  /** Those that gave way to it. */
  readonly displaced: readonly Work[];
}

const run = { verdict: 'run', displaced: [] } as const;
const full = { verdict: 'full', displaced: [] } as const;
const wait = { verdict: 'wait', displaced: [] } as const;

export class Admission<Work extends Admitted> {
  readonly #limits: AdmissionLimits;
  readonly #line = new WaitingLine<Work>();
  #waitingBytes = 0;
  #running = 0;

  constructor(limits: AdmissionLimits) {
    this.#limits = limits;
  }

  get waiting(): number {
    return this.#line.size;
  }

  /** How much of what may run at once runs: 0 to 1. */
  get fullness(): number {
    return this.#running / this.#limits.concurrency;
  }

  admit(work: Work): Admittance<Work> {
    if (this.#running < this.#limits.concurrency) {
      this.#running += 1;
      return run;
    }
    if (this.#hasRoom(work)) {
      this.#add(work);
      return wait;
    }
    const displaced = this.#makeRoom(work);
    if (!this.#hasRoom(work)) {
      // In vain: they keep their places.
      for (const one of displaced) this.#add(one);
      return full;
    }
    this.#add(work);
    return { verdict: 'wait', displaced };
  }

  /** Gives the place to whose turn it is, if anybody waits. */
  leave(now: number): Work | undefined {
    const next = this.#line.next(now);
    if (next === undefined) this.#running -= 1;
    else this.remove(next);
    return next;
  }

  /** False when it does not wait (any more). */
  remove(work: Work): boolean {
    if (!this.#line.remove(work)) return false;
    this.#waitingBytes -= work.bytes;
    return true;
  }

  /** Takes out those that came before `time`. */
  removeBefore(time: number): Work[] {
    const old = this.#line.before(time);
    for (const work of old) this.remove(work);
    return old;
  }

  #hasRoom({ bytes }: Work): boolean {
    const { queue, queueBytes } = this.#limits;
    return this.#line.size < queue && this.#waitingBytes + bytes <= queueBytes;
  }

  #makeRoom(work: Work): Work[] {
    const displaced: Work[] = [];
    while (!this.#hasRoom(work)) {
      const lowest = this.#line.lowestBelow(work.priority);
      if (lowest === undefined) break;
      this.remove(lowest);
      displaced.push(lowest);
    }
    return displaced;
  }

  #add(work: Work): void {
    this.#line.add(work);
    this.#waitingBytes += work.bytes;
  }
}
