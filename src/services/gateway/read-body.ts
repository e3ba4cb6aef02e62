/**
 * Reads the body of a request up to its limit, and no byte more. Used by the request handler.
 * Refuses media types and encodings that are not plain JSON: nothing is ever inflated here.
 */
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { TuttiError } from '../../core/errors.ts';

export const jsonLinesType = 'application/x-ndjson';

const jsonLines =
  /^application\/(x-ndjson|ndjson|jsonl|x-jsonlines)\s*(;\s*charset\s*=\s*("utf-8"|utf-8)\s*)?$/i;
const json = /^application\/json\s*(;\s*charset\s*=\s*("utf-8"|utf-8)\s*)?$/i;
const unsupported = (mediaType: string, wanted = 'application/json'): TuttiError =>
  new TuttiError('UNSUPPORTED_MEDIA_TYPE', { mediaType: mediaType.slice(0, 100), wanted });

/** @throws {TuttiError} `UNSUPPORTED_MEDIA_TYPE` */
export function checkLinesType(headers: IncomingHttpHeaders): void {
  checkEncoding(headers);
  const type = headers['content-type'];
  if (type === undefined || !jsonLines.test(type))
    throw unsupported(type ?? 'that is not given', jsonLinesType);
}

/** @throws {TuttiError} `UNSUPPORTED_MEDIA_TYPE` */
export function checkMediaType(headers: IncomingHttpHeaders): void {
  checkEncoding(headers);
  const type = headers['content-type'];
  // Most clients write exactly this.
  if (type === 'application/json') return;
  if (type === undefined || !json.test(type)) throw unsupported(type ?? 'that is not given');
}

function checkEncoding(headers: IncomingHttpHeaders): void {
  const encoding = headers['content-encoding'];
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity')
    throw unsupported(`with the encoding ${encoding}`);
}

export interface BodyLimits {
  readonly bytes: number;
  readonly ms: number;
}

/** @throws {TuttiError} `PAYLOAD_TOO_LARGE`, `REQUEST_TIMED_OUT`; `BAD_REQUEST` when the client leaves before the end. */
export function readBody(
  request: IncomingMessage,
  { bytes: limitBytes, ms: limitMs }: BodyLimits,
): Promise<Buffer> {
  const tooLarge = (): TuttiError => new TuttiError('PAYLOAD_TOO_LARGE', { limitBytes });
  if (Number(request.headers['content-length'] ?? 0) > limitBytes) return Promise.reject(tooLarge());
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const take = (chunk: Buffer): void => {
      bytes += chunk.length;
      if (bytes <= limitBytes) chunks.push(chunk);
      else finish(tooLarge());
    };
    const end = (): void => {
      finish(undefined);
    };
    const leave = (): void => {
      finish(new TuttiError('BAD_REQUEST', { reason: 'the body is cut off' }));
    };
    // Without its listener the rest flows away unread: the answer closes the connection.
    const timer = setTimeout(() => {
      finish(new TuttiError('REQUEST_TIMED_OUT'));
    }, limitMs);
    const finish = (error: TuttiError | undefined): void => {
      clearTimeout(timer);
      request.off('data', take).off('end', end).off('close', leave);
      if (error === undefined) resolve(Buffer.concat(chunks, bytes));
      else reject(error);
    };
    request.on('data', take).on('end', end).on('close', leave).on('error', leave);
  });
}
