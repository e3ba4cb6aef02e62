/**
 * What became of the jobs of one queue, in order, for as long as somebody follows it: the last events, bounded by count and bytes, each with a cursor to go on
 * behind it. A cursor behind which something is missing is refused, and none is passed over. Pure; kept by the owner of the store, in memory.
 */
import { bounds } from './bounds.ts';
import { TuttiError } from './errors.ts';

/** Of a job: `again`: it is to be begun once more, since an attempt failed or did not count, or somebody asked for it. `removed`: it is forgotten. */
// prettier-ignore
export const jobEventTypes = [
  'added', 'begun', 'progress', 'again', 'done', 'failed', 'cancelled', 'removed',
] as const;
export type JobEventType = (typeof jobEventTypes)[number];

/** As a change of the store notes it. Times are epoch milliseconds of the store's clock. */
export interface JobEventNote {
  readonly queue: string;
  readonly type: JobEventType;
  readonly id: string;
  readonly at: number;
  /** How often it was begun. */
  readonly attempts: number;
  /** The first line of why. */
  readonly reason?: string | undefined;
  /** Of a reason: a stack was behind it, and what it says is for who runs the app. */
  readonly isBug?: boolean | undefined;
  /** JSON. */
  readonly progress?: string | undefined;
}

/** As it is told. `following` is of no job: from here on all is told. */
export type JobEventRecord =
  | (Omit<JobEventNote, 'queue'> & { readonly cursor: string })
  | { readonly cursor: string; readonly type: 'following'; readonly at: number };

/** What somebody asks who follows a queue. */
export interface JobEventsWish {
  readonly queue: string;
  /** Undefined: from now on. */
  readonly after?: string | undefined;
  readonly withinMs: number;
}

/** Of an event besides its texts: about what it takes of memory. */
const ownBytes = 100;
const bytesOf = ({ id, reason = '', progress = '' }: JobEventNote): number =>
  ownBytes + id.length + reason.length + progress.length;

/** Which recording, and the number of the event in it. */
const cursorText = /^([0-9a-f]{16})-(\d{1,15})$/;
export const isJobCursor = (text: unknown): text is string =>
  typeof text === 'string' && cursorText.test(text);

export const eventsLost = (queue: string): TuttiError => new TuttiError('EVENTS_LOST', { queue });

export class JobEventRing {
  readonly #queue: string;
  readonly #origin: string;
  /** By number, without a hole between the first and the last. */
  readonly #events = new Map<number, JobEventNote>();
  #last = 0;
  #bytes = 0;

  /** @param origin 16 hexadecimal digits that no other recording has, of whatever queue and owner. */
  constructor(queue: string, origin: string) {
    this.#queue = queue;
    this.#origin = origin;
  }

  get size(): number {
    return this.#events.size;
  }

  /** Of the last event, or of the beginning. */
  get cursor(): string {
    return this.#cursorOf(this.#last);
  }

  add(event: JobEventNote): void {
    this.#last += 1;
    this.#events.set(this.#last, event);
    this.#bytes += bytesOf(event);
    for (const [number, oldest] of this.#events) {
      if (this.#events.size <= bounds.jobEvents && this.#bytes <= bounds.jobEventBytes) return;
      this.#events.delete(number);
      this.#bytes -= bytesOf(oldest);
    }
  }

  /** The next ones, at most `most`; empty: there are none yet. @throws {TuttiError} `EVENTS_LOST`. */
  after(cursor: string, most: number): JobEventRecord[] {
    const from = this.#numberOf(cursor) + 1;
    const count = Math.min(most, this.#last - from + 1);
    return Array.from({ length: count }, (_none, index) => {
      const { queue: _queue, ...event } = this.#events.get(from + index) as JobEventNote;
      return { cursor: this.#cursorOf(from + index), ...event };
    });
  }

  #cursorOf(number: number): string {
    return `${this.#origin}-${String(number)}`;
  }

  /** Of one behind which nothing is missing. */
  #numberOf(cursor: string): number {
    const [, origin, digits] = cursorText.exec(cursor) ?? [];
    const number = Number(digits);
    const isKept = number <= this.#last && number >= this.#last - this.#events.size;
    if (origin !== this.#origin || !isKept) throw eventsLost(this.#queue);
    return number;
  }
}
