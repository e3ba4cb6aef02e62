/** What `POST /stream` gives: the items of one stream as fast as they are read, then its output or error. Used by the admin routes. */
import { toWire, TuttiError } from '../../core/errors.ts';
import type { StreamLine } from '../../core/stream-line.ts';
import { bodyNumber, bodyText } from './admin-request.ts';
import type { AdminRequest, AdminRoute } from './admin-server.ts';
import type { Operator } from './operator.ts';

/** @throws {TuttiError} `INVALID_INPUT` */
function itemsOf({ body: { items } }: AdminRequest): readonly unknown[] | undefined {
  if (items === undefined || Array.isArray(items)) return items;
  throw new TuttiError('INVALID_INPUT', { message: 'items must be a list' });
}

function errorLine(error: unknown): StreamLine {
  const { stack: _stays, ...told } = toWire(error);
  return { error: told };
}

export const streamRoute = (operator: Operator): AdminRoute => ({
  kind: 'stream',
  run: (request) => {
    const options = {
      deadlineMs: bodyNumber(request, 'deadlineMs'),
      requestId: request.body['requestId'] === undefined ? undefined : bodyText(request, 'requestId'),
      items: itemsOf(request),
      signal: request.signal,
    };
    const lines = operator.stream(bodyText(request, 'action'), request.body['input'] ?? {}, options);
    return async (sink) => {
      try {
        for await (const line of lines) {
          sink.send(line);
          await sink.drained();
        }
      } catch (error) {
        sink.send(errorLine(error));
      }
    };
  },
});
