/**
 * The binary head of a message between processes, and how head and body are written and read. Pure, over Buffers.
 * `docs/reference/protocol.md` holds the layout and test vectors. It knows nothing of connections or calls.
 */
// The globals of these names are looked up anew each time.
import { Buffer } from 'node:buffer';
import { TuttiError } from '../core/errors.ts';
import { noSpan } from '../core/trace.ts';
import type { Trace } from '../core/trace.ts';
import { defaultPriority, highestPriority } from '../core/waiting-line.ts';
import { quick, writeText } from './quick-buffer.ts';

export const frameKinds = {
  hello: 1,
  welcome: 2,
  request: 3,
  response: 4,
  error: 5,
  event: 6,
  /** One item of a stream. */
  data: 7,
  /** Its sender has no more; from the caller. */
  end: 8,
  /** So many bytes more may be sent; the first one also says that the call has begun. */
  credit: 9,
  cancel: 10,
  ping: 11,
  pong: 12,
  goaway: 13,
  /** The caller of a pool wants its place, for the call of this stream. */
  ask: 14,
  /** It is kept for that call. */
  place: 15,
} as const;
export type FrameKind = (typeof frameKinds)[keyof typeof frameKinds];

export const frameFlags = {
  /** The body is bytes, not JSON text. */
  raw: 1,
  /** u32 length and a small JSON object stand before the body. */
  envelope: 2,
  /** The answer shall have the shape that the action declares for HTTP. */
  http: 4,
  sampled: 8,
  /** A nested or repeated call: somebody else owns the retry. */
  nested: 16,
  /** Of an error: the call was not started and may go to another instance. */
  notStarted: 32,
  /** Of a request: the caller knows that the action is a stream. */
  stream: 64,
} as const;

export const protocolVersion = 1;
export const headBytes = 48;
const lengthBytes = 4;
/** Smallest value of the length field, which does not count itself. */
export const shortestLength = headBytes - lengthBytes;
const knownFlags = 127;
const traceAt = 24;
const traceIdBytes = 16;
const spanAt = 40;
const spanIdBytes = 8;
const creditBytes = 4;

type TraceIds = Pick<Trace, 'traceId' | 'spanId'>;

export interface OutgoingFrame {
  kind: FrameKind;
  flags: number;
  stream: number;
  action: number;
  load: number;
  /** 0 to 9. */
  priority: number;
  deadline: number;
  /** Undefined where no trace travels. */
  trace: TraceIds | undefined;
  envelope: string;
  body: string | Uint8Array;
  bodyBytes: number;
  /** All of it, head included. */
  bytes: number;
}

export interface FrameParts {
  readonly body?: string | Uint8Array;
  readonly flags?: number;
  readonly action?: number;
  readonly load?: number;
  readonly priority?: number;
  readonly deadline?: number;
  readonly trace?: TraceIds | undefined;
  readonly envelope?: string;
}

const noParts: FrameParts = {};

/** Sizes a frame; `writeFrame` writes it later, together with the others of the turn. */
export function makeFrame(kind: FrameKind, stream: number, parts = noParts): OutgoingFrame {
  const { body = '', action = 0, load = 0, priority = defaultPriority, deadline = 0 } = parts;
  const { trace, envelope = '' } = parts;
  const isText = typeof body === 'string';
  const bodyBytes = isText ? Buffer.byteLength(body) : body.length;
  const envelopeBytes = envelope === '' ? 0 : lengthBytes + Buffer.byteLength(envelope);
  const bytes = headBytes + envelopeBytes + bodyBytes;
  let flags = parts.flags ?? 0;
  if (!isText) flags |= frameFlags.raw;
  if (envelopeBytes > 0) flags |= frameFlags.envelope;
  return { kind, flags, stream, action, load, priority, deadline, trace, envelope, body, bodyBytes, bytes };
}

/** Writes `frame` at `at`, where `frame.bytes` must fit; gives where the next one goes. */
export function writeFrame(target: Buffer, at: number, frame: OutgoingFrame): number {
  const end = at + frame.bytes;
  target.writeUInt32LE(frame.bytes - lengthBytes, at);
  target[at + 4] = frame.kind;
  target[at + 5] = frame.flags;
  target[at + 6] = frame.priority;
  target[at + 7] = 0;
  target.writeUInt32LE(frame.stream, at + 8);
  target.writeUInt16LE(frame.action, at + 12);
  target.writeUInt16LE(frame.load, at + 14);
  target.writeDoubleLE(frame.deadline, at + 16);
  writeTrace(target, at, frame.trace);
  if (frame.envelope !== '') {
    const written = target.write(frame.envelope, at + headBytes + lengthBytes, 'utf8');
    target.writeUInt32LE(written, at + headBytes);
  }
  const { body, bodyBytes } = frame;
  if (typeof body === 'string') return writeText(target, end - bodyBytes, body, bodyBytes);
  target.set(body, end - bodyBytes);
  return end;
}

/** The buffer is not cleared before: what is not hexadecimal must not let old memory out. */
function writeTrace(target: Buffer, at: number, trace: TraceIds | undefined): void {
  const { traceId = '', spanId = noSpan } = trace ?? {};
  if (quick(target).hexWrite(traceId, at + traceAt, traceIdBytes) !== traceIdBytes)
    clear(target, at + traceAt, traceIdBytes);
  // Mostly nobody traces.
  if (spanId === noSpan || quick(target).hexWrite(spanId, at + spanAt, spanIdBytes) !== spanIdBytes)
    clear(target, at + spanAt, spanIdBytes);
}

function clear(target: Buffer, at: number, bytes: number): void {
  for (let zero = at; zero < at + bytes; zero += 8) target.writeDoubleLE(0, zero);
}

/** Points into the bytes of a read: to be used before the receiver of the chunk returns. */
export interface IncomingFrame {
  readonly kind: FrameKind;
  readonly flags: number;
  readonly stream: number;
  readonly action: number;
  readonly load: number;
  readonly priority: number;
  readonly deadline: number;
  readonly bytes: Buffer;
  /** Where the frame starts, its envelope (if any), its body, and where it ends. */
  readonly start: number;
  readonly bodyStart: number;
  readonly end: number;
}

const refuse = (reason: string): TuttiError => new TuttiError('PROTOCOL_ERROR', { reason });

/** Reads the frame that fills `bytes` from `start` to `end`. @throws {TuttiError} `PROTOCOL_ERROR` */
export function readFrame(bytes: Buffer, start: number, end: number): IncomingFrame {
  const kind = bytes[start + 4] ?? 0;
  const flags = bytes[start + 5] ?? 0;
  if (kind < frameKinds.hello || kind > frameKinds.place) throw refuse('unknown kind of frame');
  if (flags > knownFlags) throw refuse('unknown flags');
  const priority = bytes[start + 6] ?? 0;
  if (priority > highestPriority) throw refuse('a priority beyond 9');
  const deadline = bytes.readDoubleLE(start + 16);
  if (Number.isNaN(deadline)) throw refuse('the deadline is not a number');
  return {
    kind: kind as FrameKind,
    flags,
    stream: bytes.readUInt32LE(start + 8),
    action: bytes.readUInt16LE(start + 12),
    load: bytes.readUInt16LE(start + 14),
    priority,
    deadline,
    bytes,
    start,
    bodyStart: (flags & frameFlags.envelope) === 0 ? start + headBytes : skipEnvelope(bytes, start, end),
    end,
  };
}

function skipEnvelope(bytes: Buffer, start: number, end: number): number {
  const first = start + headBytes + lengthBytes;
  if (first > end) throw refuse('the envelope is cut off');
  const bodyStart = first + bytes.readUInt32LE(start + headBytes);
  if (bodyStart > end) throw refuse('the envelope is longer than its frame');
  return bodyStart;
}

/** What moves between the request of a stream and its answer. */
export const isOfStream = ({ kind }: IncomingFrame): boolean =>
  kind === frameKinds.data || kind === frameKinds.credit || kind === frameKinds.end;

/** 32 hexadecimal digits. */
export const readTraceId = ({ bytes, start }: IncomingFrame): string =>
  quick(bytes).hexSlice(start + traceAt, start + spanAt);

/** 16 hexadecimal digits. */
export function readSpanId({ bytes, start }: IncomingFrame): string {
  const isNone = bytes.readUInt32LE(start + spanAt) === 0 && bytes.readUInt32LE(start + spanAt + 4) === 0;
  return isNone ? noSpan : quick(bytes).hexSlice(start + spanAt, start + headBytes);
}

/** Empty when there is none. */
export const readEnvelopeText = (frame: IncomingFrame): string =>
  (frame.flags & frameFlags.envelope) === 0
    ? ''
    : frame.bytes.toString('utf8', frame.start + headBytes + lengthBytes, frame.bodyStart);

export const readBodyText = (frame: IncomingFrame): string =>
  quick(frame.bytes).utf8Slice(frame.bodyStart, frame.end);
export const creditFrame = (stream: number, bytes: number): OutgoingFrame => {
  const body = Buffer.allocUnsafe(creditBytes);
  body.writeUInt32LE(bytes);
  return makeFrame(frameKinds.credit, stream, { body });
};

/** @throws {TuttiError} `PROTOCOL_ERROR` */
export function readCredit(frame: IncomingFrame): number {
  if (frame.end - frame.bodyStart !== creditBytes) throw refuse('credit that is not four bytes');
  return frame.bytes.readUInt32LE(frame.bodyStart);
}
/** A copy, which outlives the read. */
export const readBodyBytes = (frame: IncomingFrame): Buffer =>
  Buffer.from(frame.bytes.subarray(frame.bodyStart, frame.end));
