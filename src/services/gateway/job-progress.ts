/**
 * One job as somebody follows it: how it is now, then each change, until it has ended. The owner of the store is asked for the next change and
 * answers when there is one; while the reader takes nothing it is not asked, so he misses steps and never the end. Another owner is asked as the first was.
 */
import { bounds } from '../../core/bounds.ts';
import { TuttiError } from '../../core/errors.ts';
import type { JobChange } from '../../core/job-change.ts';
import type { Clock } from '../../core/ports.ts';
import type { ArrivedItem } from '../../mesh/item-inbox.ts';
import type { StoreClient } from '../../mesh/store-client.ts';
import type { Stream } from '../../mesh/stream-call.ts';
import { followedStream } from './followed-stream.ts';
import { changedJobOf } from './shown-job.ts';

export interface JobFollowing {
  readonly store: StoreClient;
  readonly clock: Clock;
  readonly queue: string;
  readonly id: string;
  /** The reader is gone. */
  readonly gone: AbortSignal;
  /** Undefined: as long as the job takes. */
  readonly deadlineMs: number | undefined;
}

/** How long the next change is waited for in one question. */
const sliceMs = 20_000;

/** Begins with the job as it is. @throws {TuttiError} `NOT_FOUND`, and what the store says. */
export function followJob(following: JobFollowing): Promise<Stream<ArrivedItem>> {
  return followedStream(following.gone, async (signal) => {
    const changes = changesOf(following, signal);
    return begunWith(await changes.next(), changes);
  });
}

async function* begunWith(
  first: IteratorResult<ArrivedItem>,
  changes: AsyncGenerator<ArrivedItem>,
): AsyncGenerator<ArrivedItem> {
  if (first.done === true) return;
  yield first.value;
  yield* changes;
}

async function* changesOf(following: JobFollowing, signal: AbortSignal): AsyncGenerator<ArrivedItem> {
  const { store, clock, queue, id, deadlineMs = Infinity } = following;
  const until = clock.now() + deadlineMs;
  for (let seen: string | undefined; ;) {
    const withinMs = Math.min(sliceMs, until - clock.now());
    if (withinMs <= 0) throw new TuttiError('CALL_TIMED_OUT', { action: `job ${id} of ${queue}` });
    const ask = { area: 'jobs', name: 'change', input: { queue, id, seen, withinMs } };
    // What the question itself takes is not part of its time.
    const change = (await store.wait(ask, withinMs + bounds.storeMs, signal)) as JobChange | null;
    if (change === null) continue;
    seen = change.mark;
    yield { body: JSON.stringify(changedJobOf(change.job)), envelope: '' };
    if (change.job.ended !== null) return;
  }
}
