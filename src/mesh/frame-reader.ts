/**
 * Cuts a stream of bytes into frames, whatever the chunks. Used by every link.
 * What is held back grows with what has arrived, never with what a length field promises.
 */
import { TuttiError } from '../core/errors.ts';
import { readFrame, shortestLength } from './frames.ts';
import type { IncomingFrame } from './frames.ts';

const lengthBytes = 4;
const firstHold = 4_096;
const mostKeptBytes = 65_536;

export class FrameReader {
  /** Longest frame, head included; a link starts strict and loosens once it knows who speaks. */
  maxBytes: number;
  readonly #onFrame: (frame: IncomingFrame) => void;
  #held: Buffer = Buffer.alloc(0);
  #heldBytes = 0;

  constructor(maxBytes: number, onFrame: (frame: IncomingFrame) => void) {
    this.maxBytes = maxBytes;
    this.#onFrame = onFrame;
  }

  /** @throws {TuttiError} `PROTOCOL_ERROR`, and whatever `onFrame` throws: nothing after it is to be trusted. */
  push(chunk: Buffer): void {
    let at = this.#heldBytes === 0 ? 0 : this.#finishHeld(chunk);
    while (chunk.length - at >= lengthBytes) {
      const end = at + this.#frameBytes(chunk, at);
      if (end > chunk.length) break;
      this.#onFrame(readFrame(chunk, at, end));
      at = end;
    }
    if (at < chunk.length) this.#hold(chunk, at, chunk.length);
  }

  /** Size of the frame at `at`, of which only the length needs to be there. */
  #frameBytes(bytes: Buffer, at: number): number {
    const length = bytes.readUInt32LE(at);
    const size = length + lengthBytes;
    if (length < shortestLength || size > this.maxBytes) {
      throw new TuttiError('PROTOCOL_ERROR', { reason: `a frame of length ${String(length)}` });
    }
    return size;
  }

  /** Takes what the held frame still lacks; gives where the next frame starts. */
  #finishHeld(chunk: Buffer): number {
    let at = this.#takeUntil(lengthBytes, chunk, 0);
    if (this.#heldBytes < lengthBytes) return at;
    const size = this.#frameBytes(this.#held, 0);
    at = this.#takeUntil(size, chunk, at);
    if (this.#heldBytes < size) return at;
    const frame = this.#held;
    // Kept for the next one, unless it is large: nobody needs the frame once `onFrame` has returned.
    if (frame.length > mostKeptBytes) this.#held = Buffer.alloc(0);
    this.#heldBytes = 0;
    this.#onFrame(readFrame(frame, 0, size));
    return at;
  }

  #takeUntil(size: number, chunk: Buffer, at: number): number {
    const end = Math.min(chunk.length, at + Math.max(0, size - this.#heldBytes));
    if (end > at) this.#hold(chunk, at, end);
    return end;
  }

  /** Doubles, so that a frame that drips in is copied a bounded number of times. */
  #hold(chunk: Buffer, from: number, to: number): void {
    const needed = this.#heldBytes + to - from;
    if (needed > this.#held.length) {
      const grown = Buffer.allocUnsafe(Math.max(needed, this.#held.length * 2, firstHold));
      this.#held.copy(grown, 0, 0, this.#heldBytes);
      this.#held = grown;
    }
    chunk.copy(this.#held, this.#heldBytes, from, to);
    this.#heldBytes = needed;
  }
}
