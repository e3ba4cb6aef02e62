/** The events of a queue for a client of a gateway, each with its cursor as its id: who comes back goes on behind the last one, or hears that there is a gap. */
import { TuttiError } from '../../core/errors.ts';
import { isJobCursor } from '../../core/job-events.ts';
import type { JobEventRecord } from '../../core/job-events.ts';
import { shown } from '../../core/options.ts';
import type { ArrivedItem } from '../../mesh/item-inbox.ts';
import { askEvents, followQueue } from '../../mesh/job-events.ts';
import type { JobEventsNeeds } from '../../mesh/job-events.ts';
import type { Stream } from '../../mesh/stream-call.ts';
import { followedStream } from './followed-stream.ts';
import { eventOf } from './shown-job.ts';

export interface EventsFollowing extends Omit<JobEventsNeeds, 'signal'> {
  /** The reader is gone. */
  readonly gone: AbortSignal;
}

const itemOf = (event: JobEventRecord): ArrivedItem => ({
  body: JSON.stringify(eventOf(event)),
  envelope: JSON.stringify({ id: event.cursor }),
});

/** @throws {TuttiError} `INVALID_INPUT`, `EVENTS_LOST`, and what the store says. */
export function followEvents({ gone, ...needs }: EventsFollowing): Promise<Stream<ArrivedItem>> {
  const { store, queue, after } = needs;
  return followedStream(gone, async (signal) => {
    if (after !== undefined && !isJobCursor(after))
      throw new TuttiError('INVALID_INPUT', {
        message: `after is the cursor of an event, not ${shown(after)}`,
      });
    // That there is a gap is an answer of its own, and who comes back hears at once that it is connected.
    const first = await askEvents(store, { queue, after, withinMs: 0 }, signal);
    return eventsBehind(first, { ...needs, signal });
  });
}

async function* eventsBehind(
  first: readonly JobEventRecord[],
  needs: JobEventsNeeds,
): AsyncGenerator<ArrivedItem> {
  yield* first.map(itemOf);
  const after = first.at(-1)?.cursor ?? needs.after;
  for await (const event of followQueue({ ...needs, after })) yield itemOf(event);
}
