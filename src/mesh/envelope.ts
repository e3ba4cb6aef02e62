/**
 * The rarely used fields of a request or an event: a small JSON object before the body.
 * There is no field for who calls: that is in the certificate. For whom it is called only gateways say; see served-link.
 */
import { bounds } from '../core/bounds.ts';
import { TuttiError } from '../core/errors.ts';
import { isPlainObject } from '../core/options.ts';
import { longestTracestate } from '../core/trace.ts';
import { parseBody } from './body.ts';

export interface Envelope {
  /** Left out when it is the trace id. */
  readonly requestId?: string | undefined;
  readonly idempotencyKey?: string | undefined;
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  readonly user?: string | undefined;
  readonly tenant?: string | undefined;
  /** Of the trace, beside what the head of the frame holds. */
  readonly traceState?: string | undefined;
}

export const longestRequestId = 128;
export const longestIdempotencyKey = 256;
const none: Envelope = {};

/** Empty when there is nothing to say. @throws {TuttiError} `INVALID_INPUT` when a field is too long. */
export function envelopeText(envelope: Envelope): string {
  if (isEmpty(envelope)) return '';
  const problem = problemOf(envelope);
  if (problem !== undefined)
    throw new TuttiError('INVALID_INPUT', { issues: [{ path: '', message: problem }] });
  return JSON.stringify(envelope);
}

/** @throws {TuttiError} `PROTOCOL_ERROR`: the other side checked what it sent. */
export function readEnvelope(text: string): Envelope {
  if (text === '') return none;
  const value = parseBody(text);
  const problem = isPlainObject(value) ? problemOf(value) : 'the envelope is not an object';
  if (problem !== undefined) throw new TuttiError('PROTOCOL_ERROR', { reason: problem });
  return value as Envelope;
}

const isEmpty = ({ requestId, idempotencyKey, metadata, user, tenant, traceState }: Envelope): boolean =>
  requestId === undefined &&
  idempotencyKey === undefined &&
  metadata === undefined &&
  user === undefined &&
  tenant === undefined &&
  traceState === undefined;

function problemOf(envelope: { [Key in keyof Envelope]: unknown }): string | undefined {
  const { requestId, idempotencyKey, metadata, user, tenant, traceState } = envelope;
  if (!isShortText(requestId, longestRequestId)) return 'the request id is not a short text';
  if (!isShortText(idempotencyKey, longestIdempotencyKey)) return 'the idempotency key is not a short text';
  if (!isShortText(user, bounds.identityChars)) return 'the user is not a short text';
  if (!isShortText(tenant, bounds.identityChars)) return 'the tenant is not a short text';
  if (!isShortText(traceState, longestTracestate)) return 'the trace state is not a short text';
  return metadata === undefined ? undefined : metadataProblem(metadata);
}

/** Also for what the hook of a gateway gives. */
export function metadataProblem(metadata: unknown): string | undefined {
  if (!isPlainObject(metadata)) return 'the metadata is not an object';
  // The other side would take it for an attack, and close the connection.
  if (Object.hasOwn(metadata, '__proto__')) return 'the key "__proto__" is refused';
  if (!Object.values(metadata).every((field) => typeof field === 'string'))
    return 'the metadata is not all text';
  const bytes = Buffer.byteLength(JSON.stringify(metadata));
  return bytes > bounds.metadataBytes
    ? `the metadata is over ${String(bounds.metadataBytes)} bytes`
    : undefined;
}

const isShortText = (value: unknown, longest: number): boolean =>
  value === undefined || (typeof value === 'string' && value.length > 0 && value.length <= longest);
