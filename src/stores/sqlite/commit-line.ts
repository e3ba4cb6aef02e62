/** Mutations that wait for their commit, in the order in which they came. Bounded by count and bytes. */
import { bounds } from '../../core/bounds.ts';
import { TuttiError } from '../../core/errors.ts';
import type { Area, Mutation, Operation } from './area.ts';

export interface WaitingMutation {
  readonly run: Mutation;
  readonly area: Area;
  readonly input: unknown;
  /** Gives the input when the commit begins; undefined: it is there. Its bytes are not counted before. */
  readonly late?: (() => unknown) | undefined;
  /** See `LateRequest`. */
  readonly isPatient?: boolean | undefined;
  readonly bytes: number;
  readonly asked: { readonly operation: Operation; readonly hash: string } | undefined;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

export class CommitLine {
  #waiting: WaitingMutation[] = [];
  #bytes = 0;

  get length(): number {
    return this.#waiting.length;
  }

  /** @throws {TuttiError} `OVERLOADED` when there is no room for it. */
  add(mutation: WaitingMutation): void {
    const isFull =
      this.#waiting.length >= bounds.storeWaiting || this.#bytes + mutation.bytes > bounds.storeWaitingBytes;
    if (isFull) throw new TuttiError('OVERLOADED', { what: 'The store' });
    this.#waiting.push(mutation);
    this.#bytes += mutation.bytes;
  }

  /** Those of one commit; one that is too big for any goes alone. */
  take(): WaitingMutation[] {
    let bytes = this.#waiting[0]?.bytes ?? 0;
    let count = Math.min(1, this.#waiting.length);
    for (; count < Math.min(this.#waiting.length, bounds.storeCommit); count += 1) {
      const next = this.#waiting[count]?.bytes ?? 0;
      if (bytes + next > bounds.storeCommitBytes) break;
      bytes += next;
    }
    this.#bytes -= bytes;
    return this.#waiting.splice(0, count);
  }

  rejectAll(error: TuttiError): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#bytes = 0;
    for (const { reject } of waiting) reject(error);
  }
}
