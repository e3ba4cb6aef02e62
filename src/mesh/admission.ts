/**
 * Who of an action's calls runs, waits or is turned away. It keeps the queue and the count; running, answering and
 * the time are the responder's.
 */
export interface Admitted {
  /** When it came, `Clock.now()`. */
  readonly startedAt: number;
  readonly bytes: number;
}

export interface AdmissionLimits {
  readonly concurrency: number;
  readonly queue: number;
  readonly queueBytes: number;
}

export class Admission<Work extends Admitted> {
  readonly #limits: AdmissionLimits;
  /** In order of arrival; a Set, since a cancelled call leaves from the middle. */
  readonly #waiting = new Set<Work>();
  #waitingBytes = 0;
  #running = 0;

  constructor(limits: AdmissionLimits) {
    this.#limits = limits;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /** `run`: it holds a place until `leave`. `full`: it is not kept. */
  admit(work: Work): 'run' | 'wait' | 'full' {
    const { concurrency, queue, queueBytes } = this.#limits;
    if (this.#running < concurrency) {
      this.#running += 1;
      return 'run';
    }
    if (this.#waiting.size >= queue || this.#waitingBytes + work.bytes > queueBytes) return 'full';
    this.#waiting.add(work);
    this.#waitingBytes += work.bytes;
    return 'wait';
  }

  /** Gives the place to the one that waits longest, if any. */
  leave(): Work | undefined {
    const [next] = this.#waiting;
    if (next === undefined) this.#running -= 1;
    else this.remove(next);
    return next;
  }

  /** False when it does not wait (any more). */
  remove(work: Work): boolean {
    if (!this.#waiting.delete(work)) return false;
    this.#waitingBytes -= work.bytes;
    return true;
  }

  /** Takes out those that came before `time`. */
  removeBefore(time: number): Work[] {
    const old: Work[] = [];
    for (const work of this.#waiting) {
      if (work.startedAt >= time) break;
      old.push(work);
    }
    for (const work of old) this.remove(work);
    return old;
  }
}
