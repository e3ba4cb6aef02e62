/**
 * Has a service get once more what was kept of its events in a span of time, whoever is there to take it: the oldest first, page by page, and each key in the
 * order in which its events were kept. Meanwhile the service is given nothing that is newer than what is owed to it so far.
 */
import { setImmediate as turn } from 'node:timers/promises';
import { TuttiError } from '../../core/errors.ts';
import type { ReplayView } from '../../core/event-view.ts';
import { replayedEvents } from '../../core/replayed-events.ts';
import type { NumberSpan } from '../../stores/event-log/event-pages.ts';
import type { ReplayInput, ReplayPage } from '../../stores/event-log/event-replay.ts';
import type { Log } from '../../define/handling.ts';
import type { Store } from '../../stores/sqlite/store.ts';
import type { EventDispatchers } from './event-dispatchers.ts';

export interface ReplayNeeds {
  readonly store: Store;
  readonly dispatchers: Pick<EventDispatchers, 'durable' | 'hold'>;
  readonly log: Log;
  /** Who asks. */
  readonly by: string;
  /** Aborted: nobody waits for it any more. What was replayed so far stays. */
  readonly signal: AbortSignal;
}

/** Times are epoch milliseconds of the store's clock. */
export interface ReplayWish {
  readonly receiver: string;
  readonly since: number;
  /** Undefined: what is kept by now. */
  readonly until?: number | undefined;
  /** Undefined: all that it subscribes to durably. */
  readonly event?: string | undefined;
}

/** @throws {TuttiError} `NOT_FOUND`, `INVALID_INPUT`; `OVERLOADED` when it has too much to come, with how far it came and how to go on. */
export async function replayEvents(needs: ReplayNeeds, wish: ReplayWish): Promise<ReplayView> {
  const { store, dispatchers } = needs;
  const { receiver, since } = wish;
  const events = replayedEvents(dispatchers.durable(), receiver, wish.event);
  if (wish.until !== undefined && wish.until < since)
    throw new TuttiError('INVALID_INPUT', { message: 'The end of the time is before its beginning' });
  // What comes from now on is owed to it anyway.
  const until = Math.min(wish.until ?? Infinity, store.now());
  const found = store.query({ area: 'events', name: 'span', input: { since, until } });
  const nothing = { count: 0, owed: 0, since, until, events };
  if (found === undefined) return nothing;
  return replayPages(needs, { receiver, ...(found as NumberSpan) }, nothing);
}

async function replayPages(
  { store, dispatchers, signal, log, by }: ReplayNeeds,
  { receiver, first, last }: NumberSpan & { readonly receiver: string },
  nothing: ReplayView,
): Promise<ReplayView> {
  const { since, until, events } = nothing;
  let { count, owed } = nothing;
  let lastAt = since;
  using hold = dispatchers.hold(receiver, first - 1);
  try {
    for (let after = first - 1; after < last && !signal.aborted;) {
      const input: ReplayInput = { receiver, events, since, until, after, upTo: last };
      const page = (await store.mutate({ area: 'events', name: 'replay', input })) as ReplayPage;
      count += page.replayed;
      owed += page.owed;
      after = page.through;
      lastAt = page.throughAt ?? lastAt;
      // One whose delivery ended in the same commit has to be let go first: while it is held it is not seen.
      await turn();
      if (page.isFull) throw fullOf(receiver, count, lastAt);
      hold?.upTo(after);
    }
    return { ...nothing, count, owed };
  } finally {
    log.info('Kept events are delivered once more', { receiver, by, since, until, events, count });
  }
}

function fullOf(receiver: string, count: number, at: number): TuttiError {
  const moment = new Date(at).toISOString();
  const message = `${receiver} has as many events to come as a service may have: ${String(count)} were replayed, the last one of ${moment}`;
  const next = `Once it has fewer, go on from there: --since ${moment}`;
  return new TuttiError('OVERLOADED', { message, next, count, isFull: true });
}
