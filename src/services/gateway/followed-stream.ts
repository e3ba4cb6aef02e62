/** What a gateway follows itself, as a stream that is answered like that of a service. */
import { TuttiError } from '../../core/errors.ts';
import type { ArrivedItem } from '../../mesh/item-inbox.ts';
import type { Stream } from '../../mesh/stream-call.ts';

/**
 * @param gone the reader is.
 * @param begin what it throws is an answer like any other; its signal ends what it gives.
 */
export async function followedStream(
  gone: AbortSignal,
  begin: (signal: AbortSignal) => Promise<AsyncGenerator<ArrivedItem>>,
): Promise<Stream<ArrivedItem>> {
  const left = new AbortController();
  const items = await begin(AbortSignal.any([left.signal, gone]));
  return {
    begun: Promise.resolve(),
    result: Promise.resolve(undefined),
    cancel: (reason) => {
      left.abort(new TuttiError('CANCELLED', {}, { cause: reason }));
    },
    [Symbol.asyncIterator]: () => items,
  };
}
