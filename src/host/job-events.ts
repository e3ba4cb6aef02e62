/** `jobs.events`: an iterator that can be left while it waits. What follows the queue: `mesh/job-events.ts`. */
import { isJobCursor } from '../core/job-events.ts';
import type { JobEventRecord } from '../core/job-events.ts';
import { shown } from '../core/options.ts';
import type { Clock } from '../core/ports.ts';
import type { JobEvent, JobEventsOptions } from '../define/jobs.ts';
import { followQueue } from '../mesh/job-events.ts';
import type { StoreClient } from '../mesh/store-client.ts';
import { invalid } from './job-checks.ts';
import { unlessAborted } from './unless-aborted.ts';

interface Following extends JobEventsOptions {
  readonly store: StoreClient;
  readonly clock: Clock;
  readonly queue: string;
}

function eventOf(record: JobEventRecord): JobEvent {
  const { cursor, type } = record;
  const at = new Date(record.at);
  if (type === 'following') return { cursor, type, at };
  const { id, attempts, reason, progress } = record;
  const value = progress === undefined ? undefined : (JSON.parse(progress) as unknown);
  return { cursor, type, at, id, attempts, reason, progress: value };
}

const none = { done: true, value: undefined } as const;

/** Asks nothing before the first event is wanted. @throws {TuttiError} `INVALID_INPUT`. */
export function eventsOf({ after, signal, ...needs }: Following): AsyncIterableIterator<JobEvent, undefined> {
  if (after !== undefined && !isJobCursor(after))
    throw invalid(`after is the cursor of an event, not ${shown(after)}`);
  const left = new AbortController();
  const hasLeft = (): boolean => left.signal.aborted;
  const over = signal === undefined ? left.signal : AbortSignal.any([left.signal, signal]);
  const records = followQueue({ ...needs, after, signal: over });
  return {
    async next() {
      if (hasLeft()) return none;
      signal?.throwIfAborted();
      try {
        const next = await unlessAborted(records.next(), over);
        return next.done === true ? none : { done: false, value: eventOf(next.value) };
      } catch (error) {
        if (hasLeft()) return none;
        throw error;
      }
    },
    return() {
      // That of the generator would wait for the answer to its question.
      left.abort();
      return Promise.resolve(none);
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
