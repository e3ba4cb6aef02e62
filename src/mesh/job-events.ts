/**
 * Follows a queue: asks the owner of the store for what came behind the last event, a page at a time, and only when that is taken. Another owner than the one that was
 * asked first knows nothing of it, and says so. Used by `jobs.events` and by gateways.
 */
import { bounds } from '../core/bounds.ts';
import { TuttiError } from '../core/errors.ts';
import type { JobEventRecord, JobEventsWish } from '../core/job-events.ts';
import type { Clock } from '../core/ports.ts';
import type { StoreClient } from './store-client.ts';

export interface JobEventsNeeds extends Omit<JobEventsWish, 'withinMs'> {
  readonly store: StoreClient;
  readonly clock: Clock;
  /** Nobody wants to know any more: the owner of the store hears of it. */
  readonly signal: AbortSignal;
  readonly deadlineMs?: number | undefined;
}

/** How long events are waited for in one question. */
const sliceMs = 20_000;

/** One question; without `after` it is answered at once. Empty: nothing came within the time. @throws {TuttiError} `EVENTS_LOST`, `OVERLOADED`, and what the store says. */
export async function askEvents(
  store: StoreClient,
  { withinMs, ...place }: JobEventsWish,
  signal: AbortSignal,
): Promise<readonly JobEventRecord[]> {
  const ask = { area: 'jobs', name: 'events', input: { ...place, withinMs } };
  // What the question itself takes is not part of its time.
  return (await store.wait(ask, withinMs + bounds.storeMs, signal)) as readonly JobEventRecord[];
}

/** @throws {TuttiError} `CALL_TIMED_OUT` after `deadlineMs`, and as `askEvents`. */
export async function* followQueue(needs: JobEventsNeeds): AsyncGenerator<JobEventRecord, undefined> {
  const { store, clock, queue, signal, deadlineMs = Infinity } = needs;
  const until = clock.now() + deadlineMs;
  for (let { after } = needs; ;) {
    const withinMs = Math.min(sliceMs, until - clock.now());
    if (withinMs <= 0) throw new TuttiError('CALL_TIMED_OUT', { action: `the events of ${queue}` });
    for (const event of await askEvents(store, { queue, after, withinMs }, signal)) {
      yield event;
      after = event.cursor;
    }
  }
}
