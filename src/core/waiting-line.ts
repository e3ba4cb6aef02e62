/**
 * The calls that wait for their turn: ten priorities, each in order of arrival. Who waits rises by one step a second, so that the lowest
 * gets there too. Pure: time comes in. Used by the admission of an action.
 */
export interface Waiting {
  /** When it came. */
  readonly startedAt: number;
  /** 0, the lowest, to 9. */
  readonly priority: number;
}

export const highestPriority = 9;
export const defaultPriority = 5;
const stepMs = 1_000;

export const isPriority = (value: unknown): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= highestPriority;

export class WaitingLine<Work extends Waiting> {
  /** A Set each, since a call that is taken back leaves from the middle. */
  readonly #lines: readonly Set<Work>[] = Array.from({ length: highestPriority + 1 }, () => new Set<Work>());
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(work: Work): void {
    this.#lineOf(work).add(work);
    this.#size += 1;
  }

  /** False when it is not (any more) in it. */
  remove(work: Work): boolean {
    const wasIn = this.#lineOf(work).delete(work);
    if (wasIn) this.#size -= 1;
    return wasIn;
  }

  /** Whose turn it is: of the highest after ageing, who came first. It stays in the line. */
  next(now: number): Work | undefined {
    let best: Work | undefined;
    let bestRank = -1;
    if (this.#size === 0) return undefined;
    for (const line of this.#lines) {
      // The first of a line is its oldest, and so its highest.
      const [first] = line;
      if (first === undefined) continue;
      const rank = first.priority + Math.floor((now - first.startedAt) / stepMs);
      if (best !== undefined && (rank < bestRank || (rank === bestRank && first.startedAt >= best.startedAt)))
        continue;
      best = first;
      bestRank = rank;
    }
    return best;
  }

  /** Who came first of the lowest. */
  lowest(): Work | undefined {
    for (const line of this.#lines) for (const first of line) return first;
    return undefined;
  }

  /**
   * Who gives way when there is no room for one of `priority`: the youngest of the lowest line below it. Of a long line the first of each
   * priority stays, or the low ones would never get there.
   */
  lowestBelow(priority: number): Work | undefined {
    const staying = this.#size > this.#lines.length ? 1 : 0;
    for (const line of this.#lines.slice(0, priority)) if (line.size > staying) return [...line].at(-1);
    return undefined;
  }

  /** Those that came before `time`, oldest first within a line. */
  before(time: number): Work[] {
    const old: Work[] = [];
    for (const line of this.#lines)
      for (const work of line) {
        if (work.startedAt >= time) break;
        old.push(work);
      }
    return old;
  }

  #lineOf({ priority }: Work): Set<Work> {
    const line = this.#lines[priority];
    if (line === undefined) throw new RangeError(`priority ${String(priority)} is not one of 0 to 9`);
    return line;
  }
}
