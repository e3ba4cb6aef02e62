/**
 * JSON objects over a byte stream: `u32 length (big-endian) | JSON text`. The control socket and fd 3 speak it.
 * The other side is not trusted to be sane: whatever is no frame closes that connection with a reason, and
 * nothing here throws at its owner. What an object holds is for the reader to check.
 */
import { isUtf8 } from 'node:buffer';
import type { Duplex } from 'node:stream';
import { bounds } from '../core/bounds.ts';

const headBytes = 4;
const firstPieceBytes = 4_096;

interface DecodedFrames {
  readonly frames: readonly object[];
  /** Set once the bytes are no frames; what follows is never looked at. */
  readonly problem?: string;
}

interface FrameDecoder {
  push(chunk: Buffer): DecodedFrames;
}

/**
 * Incremental, in time linear to the bytes. A frame that comes in pieces is copied into one buffer that doubles
 * as it fills, so that neither a large announced length nor a million tiny chunks cost more than what was sent.
 */
export function makeFrameDecoder(maxBytes: number): FrameDecoder {
  const head = Buffer.alloc(headBytes);
  let headFilled = 0;
  let body = Buffer.alloc(0);
  let bodyFilled = 0;
  let problem: string | undefined;

  /** Takes bytes of the frame that is under way; gives how many, and its body once it is whole. */
  function take(chunk: Buffer): { used: number; whole?: Buffer } {
    let used = 0;
    if (headFilled < headBytes) {
      used = chunk.copy(head, headFilled, 0, headBytes - headFilled);
      headFilled += used;
      if (headFilled < headBytes) return { used };
    }
    const length = head.readUInt32BE();
    if (length === 0 || length > maxBytes) throw new RangeError(`a frame of ${String(length)} bytes`);
    const part = chunk.subarray(used, used + length - bodyFilled);
    used += part.length;
    if (part.length === length) return { used, whole: part };
    body = grown(body, bodyFilled, { needed: bodyFilled + part.length, limit: length });
    part.copy(body, bodyFilled);
    bodyFilled += part.length;
    return bodyFilled === length ? { used, whole: body.subarray(0, length) } : { used };
  }

  function push(chunk: Buffer): DecodedFrames {
    const frames: object[] = [];
    let rest = chunk;
    try {
      while (problem === undefined && rest.length > 0) {
        const { used, whole } = take(rest);
        rest = rest.subarray(used);
        if (whole === undefined) continue;
        headFilled = bodyFilled = 0;
        frames.push(parseFrame(whole));
        body = Buffer.alloc(0);
      }
    } catch (error) {
      problem = error instanceof Error ? error.message : 'not a frame';
      body = Buffer.alloc(0);
    }
    return problem === undefined ? { frames } : { frames, problem };
  }

  return { push };
}

function grown(
  buffer: Buffer<ArrayBuffer>,
  filled: number,
  size: { needed: number; limit: number },
): Buffer<ArrayBuffer> {
  if (size.needed <= buffer.length) return buffer;
  const next = Buffer.allocUnsafeSlow(Math.min(size.limit, Math.max(firstPieceBytes, 2 * size.needed)));
  buffer.copy(next, 0, 0, filled);
  return next;
}

function parseFrame(bytes: Buffer): object {
  if (!isUtf8(bytes)) throw new TypeError('a frame that is not UTF-8');
  if (isDeeperThan(bytes, bounds.jsonDepth)) throw new RangeError('a frame that is nested too deep');
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString());
  } catch {
    // The words of the parser quote the text, which may be anything.
    throw new SyntaxError('a frame that is not JSON');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new TypeError('a frame that is not an object');
  }
  return value;
}

/** JSON.parse takes any depth, but what walks or prints the value later would overflow its stack. */
function isDeeperThan(bytes: Buffer, limit: number): boolean {
  let depth = 0;
  let inText = false;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at];
    if (inText) {
      if (byte === 0x5c /* \ */) at++;
      else if (byte === 0x22 /* " */) inText = false;
    } else if (byte === 0x22) inText = true;
    else if (byte === 0x7b /* { */ || byte === 0x5b /* [ */) {
      if (++depth > limit) return true;
    } else if (byte === 0x7d || byte === 0x5d) depth--;
  }
  return false;
}

/** The bytes of one frame. */
export function encodeFrame(value: object): Buffer {
  const text = JSON.stringify(value);
  const frame = Buffer.allocUnsafe(headBytes + Buffer.byteLength(text));
  frame.writeUInt32BE(frame.length - headBytes);
  frame.write(text, headBytes);
  return frame;
}

interface JsonFrameOptions {
  readonly maxBytes: number;
  /** A throw in here closes the connection, with its message as the reason. */
  readonly onFrame: (value: unknown) => void;
  /** Called once. */
  readonly onClose: (reason: string) => void;
}

/** Owns its socket from construction to close. Closing is for both directions: when the other side ends, so do we. */
export class JsonFrameSocket {
  readonly #socket: Duplex;
  readonly #maxBytes: number;
  #reason: string | undefined;
  #isClosed = false;

  constructor(socket: Duplex, options: JsonFrameOptions) {
    this.#socket = socket;
    this.#maxBytes = options.maxBytes;
    const decoder = makeFrameDecoder(options.maxBytes);
    socket.on('data', (chunk: Buffer) => {
      this.#receive(decoder.push(chunk), options.onFrame);
    });
    socket.on('error', (error) => {
      this.destroy(error.message);
    });
    socket.on('end', () => {
      this.destroy('the other side closed');
    });
    socket.on('close', () => {
      this.#isClosed = true;
      options.onClose(this.#reason ?? 'closed');
    });
  }

  get closed(): boolean {
    return this.#isClosed || !this.#socket.writable;
  }

  /** False: not sent, because too much waits, the frame is over the bound, or the connection is closed. */
  send(value: object): boolean {
    if (this.closed || this.#socket.writableLength >= bounds.outgoingBytes) return false;
    const frame = encodeFrame(value);
    if (frame.length - headBytes > this.#maxBytes) return false;
    this.#socket.write(frame);
    return true;
  }

  /** Closes once what was sent has left. */
  end(): void {
    this.#socket.end();
  }

  destroy(reason = 'closed here'): void {
    this.#reason ??= reason;
    this.#isClosed = true;
    this.#socket.destroy();
  }

  #receive(decoded: DecodedFrames, onFrame: (value: unknown) => void): void {
    try {
      for (const frame of decoded.frames) {
        if (this.#isClosed) return;
        onFrame(frame);
      }
    } catch (error) {
      this.destroy(error instanceof Error ? error.message : 'a frame was refused');
    }
    if (decoded.problem !== undefined) this.destroy(decoded.problem);
  }
}
