/**
 * Frames over one connection, the same for both sides. The frames of one turn of the event loop, or of one round of it, leave in few writes.
 * Owns the connection; a peer that breaks the protocol loses this connection and nothing else.
 */
import { bounds } from '../core/bounds.ts';
import { TuttiError } from '../core/errors.ts';
import { FrameReader } from './frame-reader.ts';
import { frameKinds, makeFrame, writeFrame } from './frames.ts';
import type { IncomingFrame, OutgoingFrame } from './frames.ts';
import { Pace } from './pace.ts';
import type { Connection } from './transport/transport.ts';
import { giveBack, takeWriteBuffer, writeBufferBytes } from './write-buffers.ts';

export interface LinkHandlers {
  /** What it throws closes the connection. */
  onFrame(frame: IncomingFrame): void;
  /** Once; `fault` is why we closed it, undefined when nobody is to blame. */
  onClose(fault: string | undefined): void;
}

/** One frame of the largest size on top of the bound, and as much again for words. */
const mostWaitingBytes = 2 * bounds.outgoingBytes + bounds.frameBytes;

/**
 * Frames of a turn after which they are written. The first few go soon, so that both sides work at the same time and not by turns; those
 * behind them find the other side at work, and a write costs as much as a small call.
 */
const firstBatch = 3;
const laterBatch = 32;

export class Link {
  readonly #connection: Connection;
  readonly #handlers: LinkHandlers;
  readonly #reader: FrameReader;
  #queue: OutgoingFrame[] = [];
  #queuedBytes = 0;
  readonly #pace = new Pace();
  #isInTurn = false;
  /** Of this round of the event loop, while its end is waited for. */
  #turns = 0;
  /** In the queue. */
  #hasWord = false;
  #batch = firstBatch;
  /** The connection has a write in hand, and tells when it has not. */
  #isBusy = false;
  /** A write was due meanwhile. */
  #isHeld = false;
  /** Being written from. */
  #lent: Buffer | undefined;
  #isOpen = true;
  #fault: string | undefined;
  /** Streams with an item to send. One entry each. */
  #waiting: (() => void)[] = [];

  constructor(connection: Connection, maxFrameBytes: number, handlers: LinkHandlers) {
    this.#connection = connection;
    this.#handlers = handlers;
    this.#reader = new FrameReader(maxFrameBytes, this.#take);
    connection.onData((chunk) => {
      this.#receive(chunk);
    });
    connection.onDrain(this.#drained);
    connection.onClose(() => {
      this.#isOpen = false;
      this.#queue = [];
      this.#waiting = [];
      handlers.onClose(this.#fault);
    });
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Queued here or waiting at the transport. */
  get waitingBytes(): number {
    return this.#queuedBytes + this.#connection.pendingBytes;
  }

  /** Whether an item of a stream may go now: calls are to find room between the items. */
  get hasRoom(): boolean {
    return this.waitingBytes < bounds.streamLinkBytes;
  }

  /** Once, when there is room again; never when the connection closes. */
  whenRoom(resume: () => void): void {
    this.#waiting.push(resume);
  }

  /** For a peer whose hello was accepted. */
  allowFrames(maxBytes: number): void {
    this.#reader.maxBytes = maxBytes;
  }

  /** False, and not sent, when the link is closed or too much waits already. */
  send(frame: OutgoingFrame, limitBytes: number = bounds.outgoingBytes): boolean {
    if (!this.#isOpen || this.waitingBytes >= limitBytes) return false;
    // A write of this size costs no more per byte than a larger one, and what fits needs no memory of its own.
    if (this.#queuedBytes + frame.bytes > writeBufferBytes && !this.#hasWord) this.#flush();
    this.#queue.push(frame);
    this.#queuedBytes += frame.bytes;
    if (this.#queue.length >= this.#batch && !this.#hasWord) {
      this.#flush();
      this.#batch = laterBatch;
    }
    if (!this.#isInTurn) {
      this.#isInTurn = true;
      // After the promise jobs of this turn, so that their frames leave in the same write.
      process.nextTick(this.#endTurn);
    }
    return true;
  }

  /**
   * A word of a few bytes that has to arrive: credit, the end of items, a cancel, a place. It goes past all that waits; beyond what can wait
   * on a connection that is read from, nobody reads it. It leaves at the end of the turn or its round, and what comes behind it too: that a message was taken
   * is so once the promise jobs of this turn have handed it over.
   */
  say(word: OutgoingFrame): void {
    this.#hasWord = true;
    if (this.#isOpen && !this.send(word, mostWaitingBytes)) this.destroy('the other side does not read');
  }

  /** Sends what is queued, then closes. */
  end(): void {
    if (!this.#isOpen) return;
    while (this.#queue.length > 0) this.#write(this.#takeFitting());
    this.#isOpen = false;
    this.#connection.end();
  }

  destroy(fault?: string): void {
    this.#isOpen = false;
    this.#fault ??= fault;
    this.#queue = [];
    this.#connection.destroy();
  }

  readonly #endTurn = (): void => {
    this.#isInTurn = false;
    if (this.#turns === 0) {
      if (!this.#pace.waits()) {
        this.#leave();
        return;
      }
      setImmediate(this.#endRound);
    }
    this.#turns += 1;
  };

  readonly #endRound = (): void => {
    this.#pace.had(this.#turns);
    this.#turns = 0;
    this.#leave();
  };

  #leave(): void {
    this.#hasWord = false;
    this.#batch = firstBatch;
    this.#flush();
  }

  /**
   * One write at a time: what comes meanwhile leaves together behind it, out of the same memory. Each of its own would have to be kept until
   * then, and hundreds of megabytes a second that V8 does not own are collected by marking the whole heap.
   */
  #flush(): void {
    while (this.#isOpen && this.#queue.length > 0) {
      this.#isHeld = this.#isBusy;
      if (this.#isHeld) return;
      this.#write(this.#takeFitting());
    }
  }

  readonly #drained = (): void => {
    this.#isBusy = false;
    if (this.#lent !== undefined) giveBack(this.#lent);
    this.#lent = undefined;
    // A word leaves with its turn.
    if (this.#isHeld && !this.#hasWord) this.#flush();
    if (this.#waiting.length === 0 || !this.hasRoom) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resume of waiting) resume();
  };

  /** From the front of the queue: as many as fit into one buffer, or one that does not. */
  #takeFitting(): OutgoingFrame[] {
    const all = this.#queue;
    if (this.#queuedBytes <= writeBufferBytes) {
      this.#queue = [];
      return all;
    }
    let bytes = 0;
    const beyond = all.findIndex((frame) => (bytes += frame.bytes) > writeBufferBytes);
    return all.splice(0, Math.max(1, beyond));
  }

  #write(frames: readonly OutgoingFrame[]): void {
    const total = frames.reduce((sum, frame) => sum + frame.bytes, 0);
    const isLarge = total > writeBufferBytes;
    const bytes = isLarge ? Buffer.allocUnsafe(total) : takeWriteBuffer();
    this.#queuedBytes -= total;
    let at = 0;
    for (const frame of frames) at = writeFrame(bytes, at, frame);
    this.#isBusy = !this.#connection.write(total === bytes.length ? bytes : bytes.subarray(0, total));
    if (isLarge) return;
    if (this.#isBusy) this.#lent = bytes;
    else if (this.#connection.pendingBytes === 0) giveBack(bytes);
  }

  #receive(chunk: Buffer): void {
    if (this.#fault !== undefined) return;
    try {
      this.#reader.push(chunk);
    } catch (error) {
      this.destroy(faultOf(error));
    }
  }

  readonly #take = (frame: IncomingFrame): void => {
    if (this.#fault !== undefined) return;
    if (frame.kind === frameKinds.ping) this.send(makeFrame(frameKinds.pong, frame.stream));
    else if (frame.kind !== frameKinds.pong) this.#handlers.onFrame(frame);
  };
}

function faultOf(error: unknown): string {
  const reason = error instanceof TuttiError ? error.data['reason'] : undefined;
  return typeof reason === 'string' ? reason : String(error);
}
