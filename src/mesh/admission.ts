/**
 * Who of an action's calls runs, waits or is turned away. It keeps the line and the count; running, answering and
 * the time are the responder's.
 */
import { Pace } from '../core/pace.ts';
import { WaitingLine } from '../core/waiting-line.ts';
import type { Waiting } from '../core/waiting-line.ts';

export interface Admitted extends Waiting {
  readonly bytes: number;
  /** Absolute; Infinity: it has none. */
  readonly deadline: number;
}

export interface AdmissionLimits {
  readonly concurrency: number;
  readonly queue: number;
  readonly queueBytes: number;
  /** Nobody waits who would wait longer, as far as that can be told, or for more than its part of what is left of its deadline. Default: Infinity. */
  readonly queueMs?: number;
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

/** Of what is left of a deadline: it is to be worked on too, and who waits until the last moment has waited for nothing. */
const waitingPart = 0.5;
/** One turn of so many goes to the lowest that waits: the others pass it for as long as they come. */
const turnsOfAll = 10;

export class Admission<Work extends Admitted> {
  readonly #limits: AdmissionLimits;
  readonly #line = new WaitingLine<Work>();
  readonly #pace = new Pace();
  #waitingBytes = 0;
  #running = 0;
  #turns = 0;

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
      // In vain: they keep their places. The youngest of a line was taken out first.
      for (const one of displaced.toReversed()) this.#add(one);
      return full;
    }
    this.#add(work);
    return { verdict: 'wait', displaced };
  }

  /** Gives the place to whose turn it is, if anybody waits. */
  leave(now: number): Work | undefined {
    this.#pace.freed(now, this.#running >= this.#limits.concurrency);
    const next = this.#nextTurn(now);
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

  #nextTurn(now: number): Work | undefined {
    if (this.#line.size === 0) return undefined;
    this.#turns = (this.#turns + 1) % turnsOfAll;
    return this.#turns === 0 ? this.#line.lowest() : this.#line.next(now);
  }

  #hasRoom({ bytes, startedAt, deadline }: Work): boolean {
    const { queue, queueBytes, queueMs = Infinity } = this.#limits;
    const { size } = this.#line;
    return (
      size < queue &&
      this.#waitingBytes + bytes <= queueBytes &&
      this.#pace.untilFree(size + 1, startedAt) <= Math.min(queueMs, (deadline - startedAt) * waitingPart)
    );
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
