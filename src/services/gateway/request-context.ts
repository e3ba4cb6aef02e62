/**
 * What a request brings beside its input: ids, time and an idempotency key, each taken only in its own form.
 * Everything else a client says about itself (`X-Forwarded-*`, `X-User-Id`, `baggage`) is never read, so it goes nowhere.
 */
import { randomFillSync } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { bounds } from '../../core/bounds.ts';
import { TuttiError } from '../../core/errors.ts';
import { noSpan } from '../../core/trace.ts';
import type { Trace } from '../../core/trace.ts';

export interface Ids {
  readonly requestId: string;
  readonly trace: Trace;
}

/** Drawn by the pool: one at a time costs a request more than its routing. */
const pool = Buffer.alloc(4_096);
let drawn = pool.length;

function randomHex(bytes: number): string {
  if (drawn + bytes > pool.length) {
    randomFillSync(pool);
    drawn = 0;
  }
  const text = pool.toString('hex', drawn, drawn + bytes);
  drawn += bytes;
  return text;
}

const plainId = /^[A-Za-z0-9._:@/+=-]{1,128}$/;

const textOf = (header: string | string[] | undefined): string | undefined =>
  typeof header === 'string' ? header : undefined;

/** Ids that are not in their form are replaced, never repaired: they end up in logs. @param known what it is part of, if anything */
export function readIds(headers: IncomingHttpHeaders, known: Trace | undefined): Ids {
  const trace = known ?? { traceId: randomHex(16), spanId: noSpan, sampled: false };
  const given = textOf(headers['x-request-id']);
  // The same text as the trace id costs nothing on the wire.
  return { requestId: given !== undefined && plainId.test(given) ? given : trace.traceId, trace };
}

const invalid = (path: string, message: string): TuttiError =>
  new TuttiError('INVALID_INPUT', { message: `${path} ${message}`, issues: [{ path, message }] });

/** Seconds in `request-timeout`, as milliseconds, cut to what a gateway allows. @throws {TuttiError} `INVALID_INPUT` */
export function readDeadlineMs(headers: IncomingHttpHeaders, defaultMs: number): number {
  const header = textOf(headers['request-timeout']);
  if (header === undefined) return defaultMs;
  const ms = /^\d{1,9}(\.\d{1,3})?$/.test(header) ? Math.round(Number(header) * 1_000) : 0;
  if (ms <= 0) throw invalid('request-timeout', 'must be a number of seconds above 0');
  return Math.min(ms, bounds.httpDeadlineMs);
}

/** Of a stream: as long as its items move, unless the client says otherwise. @throws {TuttiError} `INVALID_INPUT` */
export const readStreamDeadlineMs = (headers: IncomingHttpHeaders): number | undefined =>
  headers['request-timeout'] === undefined ? undefined : readDeadlineMs(headers, 0);

/** @throws {TuttiError} `INVALID_INPUT` */
export function readIdempotencyKey(headers: IncomingHttpHeaders): string | undefined {
  const key = textOf(headers['idempotency-key']);
  if (key === undefined || /^[\x21-\x7e]{1,255}$/.test(key)) return key;
  throw invalid('idempotency-key', 'must be 1 to 255 visible ASCII characters');
}

/** Of an `EventSource` that comes back. @throws {TuttiError} `INVALID_INPUT` */
export function readLastEventId(headers: IncomingHttpHeaders): string | undefined {
  const id = textOf(headers['last-event-id']);
  if (id === undefined || id === '') return undefined;
  if (/^[\x20-\x7e]{1,256}$/.test(id)) return id;
  throw invalid('last-event-id', 'must be at most 256 visible ASCII characters');
}
