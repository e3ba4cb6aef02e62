/**
 * Those in all processes who follow a queue. What becomes of its jobs is recorded, in memory, from the first question on until some minutes after the last; each
 * question is for what came behind a cursor, and is answered when there is something. Who reads slowly costs nothing, and finds that there is a gap. Bounded.
 */
import { randomBytes } from 'node:crypto';
import { bounds } from '../../core/bounds.ts';
import { TuttiError } from '../../core/errors.ts';
import { eventsLost, JobEventRing } from '../../core/job-events.ts';
import type { JobEventNote, JobEventRecord, JobEventsWish } from '../../core/job-events.ts';
import type { Clock, Timer } from '../../core/ports.ts';
import type { Watcher } from '../../stores/sqlite/area.ts';
import type { Store } from '../../stores/sqlite/store.ts';
import { JobWaiters } from './job-waiters.ts';
import type { WaitEnd } from './job-waiters.ts';

interface Followed {
  readonly ring: JobEventRing;
  /** Until it is followed no more. */
  timer: Timer | undefined;
}

/** Whom a waiter for all jobs of a queue waits for: no job has that name. */
const anyOf = (queue: string): { readonly queue: string; readonly id: string } => ({ queue, id: '' });

export class JobFollows implements Watcher {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #waiters: JobWaiters;
  readonly #followed = new Map<string, Followed>();

  constructor(store: Store, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
    this.#waiters = new JobWaiters(clock);
  }

  /** What came behind a cursor, a page of it; empty: nothing came in the time. @throws {TuttiError} `EVENTS_LOST`, `OVERLOADED`. */
  async events(
    { queue, after }: Omit<JobEventsWish, 'withinMs'>,
    until: WaitEnd,
  ): Promise<readonly JobEventRecord[]> {
    if (after === undefined) return [await this.#begin(queue)];
    const now = this.#after(queue, after);
    if (now.length > 0) return now;
    await this.#waiters.wait(anyOf(queue), until);
    return this.#after(queue, after);
  }

  wants(queue: string): boolean {
    return this.#followed.has(queue);
  }

  /** @param changes each a `JobEventNote`. */
  hear(changes: readonly unknown[]): void {
    const notes = changes as readonly JobEventNote[];
    for (const note of notes) this.#followed.get(note.queue)?.ring.add(note);
    for (const queue of new Set(notes.map((note) => note.queue))) this.#waiters.tell(anyOf(queue));
  }

  /** How many events are kept, by queue. */
  sizes(): ReadonlyMap<string, number> {
    return new Map([...this.#followed].map(([queue, { ring }]) => [queue, ring.size]));
  }

  stop(): void {
    for (const { timer } of this.#followed.values()) timer?.cancel();
    this.#waiters.tellAll();
  }

  /** All that is committed later is told behind its cursor, and what was before can be read. */
  async #begin(queue: string): Promise<JobEventRecord> {
    const followed = this.#followed.get(queue) ?? this.#record(queue);
    this.#stay(queue, followed);
    await this.#store.watch(this);
    return { type: 'following', cursor: followed.ring.cursor, at: this.#store.now() };
  }

  #record(queue: string): Followed {
    const { size } = this.#followed;
    if (size >= bounds.followedQueues) {
      const what = `The store, where ${String(size)} queues are followed,`;
      throw new TuttiError('OVERLOADED', { what, isFull: true });
    }
    const followed = { ring: new JobEventRing(queue, randomBytes(8).toString('hex')), timer: undefined };
    this.#followed.set(queue, followed);
    return followed;
  }

  #after(queue: string, cursor: string): readonly JobEventRecord[] {
    const followed = this.#followed.get(queue);
    if (followed === undefined) throw eventsLost(queue);
    this.#stay(queue, followed);
    return followed.ring.after(cursor, bounds.jobPage);
  }

  /** It is asked for. */
  #stay(queue: string, followed: Followed): void {
    followed.timer?.cancel();
    followed.timer = this.#clock.after(bounds.jobFollowMs, () => {
      this.#followed.delete(queue);
      if (this.#followed.size === 0) void this.#store.watch(undefined);
    });
  }
}
