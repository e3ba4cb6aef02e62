/** A stream of an app with real processes, as its supervisor tells of it: a line for each item, then one for its end. */
import { fromWire, TuttiError } from '../core/errors.ts';
import type { StreamLine } from '../core/stream-line.ts';
import type { TestStream } from './test-app.ts';

/** @param follow asks for it, until the signal says that nobody reads any more. */
export function adminStream(follow: (signal: AbortSignal) => AsyncGenerator): TestStream {
  const result = Promise.withResolvers<unknown>();
  // Whoever reads the items hears of an error there.
  result.promise.catch(() => undefined);
  let items: ReadableStream | undefined;
  const begun = (): ReadableStream => (items ??= begin(follow, result));
  return {
    get result() {
      begun();
      return result.promise;
    },
    [Symbol.asyncIterator]: () => begun().values(),
  };
}

function begin(
  follow: (signal: AbortSignal) => AsyncGenerator,
  result: PromiseWithResolvers<unknown>,
): ReadableStream {
  const over = new AbortController();
  const lines = follow(over.signal) as AsyncGenerator<StreamLine>;
  return new ReadableStream({
    pull: async (controller) => {
      try {
        const { value } = (await lines.next()) as { value: StreamLine | undefined };
        if (value === undefined) throw new TuttiError('INSTANCE_LOST', { instance: 'The supervisor' });
        if ('error' in value) throw fromWire(value.error);
        if ('item' in value) {
          controller.enqueue(value.item);
          return;
        }
        result.resolve(value.output);
        controller.close();
      } catch (error) {
        result.reject(error);
        controller.error(error);
      }
    },
    cancel: () => {
      over.abort();
    },
  });
}
