/**
 * Messages of one end of a channel, from `send` until the other side has taken them. Those that wait outlive a connection, those that were
 * sent do not: nothing is sent twice. Holds a bounded number, each no longer than its deadline.
 */
import { bounds } from '../core/bounds.ts';
import { InFlight, notTaken, wasTaken } from '../core/channel.ts';
import { TuttiError } from '../core/errors.ts';
import type { Clock, Timer } from '../core/ports.ts';
import { bodyOf } from './body.ts';
import { frameKinds, makeFrame } from './frames.ts';
import type { OutgoingFrame } from './frames.ts';
import type { StreamCarrier } from './item-outbox.ts';

export interface MessageLine {
  readonly carrier: StreamCarrier;
  readonly stream: number;
  /** What the reader has granted already. */
  readonly credit: number;
}

interface Message {
  readonly frame: OutgoingFrame;
  readonly bytes: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
  timer: Timer | undefined;
}

interface Carried {
  readonly line: MessageLine;
  readonly inFlight: InFlight<Message>;
  isListening: boolean;
  isEnded: boolean;
}

export class MessageOutbox {
  /** Who sends has heard how the channel ended. */
  hasTold = false;
  readonly #clock: Clock;
  readonly #label: string;
  #waiting: Message[] = [];
  #carried: Carried | undefined;
  /** That wait or are in flight. */
  #count = 0;
  #bytes = 0;
  #isEnding = false;
  #error: TuttiError | undefined;

  constructor(clock: Clock, label: string) {
    this.#clock = clock;
    this.#label = label;
  }

  /**
   * Resolves when the other side has taken it.
   * @throws {TuttiError} `OVERLOADED`, `PAYLOAD_TOO_LARGE`, `CALL_TIMED_OUT`, or what ended the channel; `executed` tells what is known.
   */
  send(message: unknown, deadlineMs: number = bounds.callMs): Promise<void> {
    return new Promise((resolve, reject) => {
      const held: Message = { ...this.#framed(message), resolve, reject, timer: undefined };
      if (deadlineMs !== Infinity)
        held.timer = this.#clock.after(deadlineMs, () => {
          this.#expire(held, deadlineMs);
        });
      this.#count += 1;
      this.#bytes += held.bytes;
      this.#waiting.push(held);
      this.#move();
    });
  }

  /** A connection, or another one. */
  carriedBy(line: MessageLine): void {
    this.#carried = { line, inFlight: new InFlight(line.credit), isListening: false, isEnded: false };
    this.hasTold = false;
    this.#move();
  }

  /** @throws {TuttiError} `PROTOCOL_ERROR` */
  granted(bytes: number): void {
    for (const message of this.#carried?.inFlight.granted(bytes) ?? []) {
      this.#forget(message);
      message.resolve();
    }
    this.#move();
  }

  /** The connection has gone; what waits may go on with another one. */
  lost(error: Error): void {
    const messages = this.#carried?.inFlight.lost() ?? [];
    this.#carried = undefined;
    const end = asEnd(error);
    this.#reject(messages, notTaken(end, wasTaken(end)));
  }

  /** There are no more: said when those that wait have gone. */
  end(): void {
    if (this.#isEnding) return;
    this.#isEnding = true;
    this.#move();
  }

  /** There is no other connection. */
  fail(error: Error): void {
    this.lost(error);
    this.#error ??= asEnd(error);
    const messages = this.#waiting;
    this.#waiting = [];
    this.#reject(messages, notTaken(this.#error, 'no'));
  }

  #framed(message: unknown): Pick<Message, 'frame' | 'bytes'> {
    if (this.#error !== undefined) {
      this.hasTold = true;
      throw notTaken(this.#error, 'no');
    }
    if (this.#isEnding)
      throw new TuttiError('CANCELLED', { message: 'The channel was closed on this side', executed: 'no' });
    const frame = makeFrame(frameKinds.data, 0, { body: bodyOf(message) || 'null' });
    if (frame.bytes > bounds.streamItemBytes)
      throw new TuttiError('PAYLOAD_TOO_LARGE', { limitBytes: bounds.streamItemBytes, executed: 'no' });
    if (this.#count >= bounds.channelMessages || this.#bytes + frame.bytes > bounds.channelBytes)
      throw new TuttiError('OVERLOADED', { what: this.#label, executed: 'no' });
    return { frame, bytes: frame.bytes };
  }

  #move(): void {
    const carried = this.#carried;
    if (carried === undefined) return;
    const { carrier, stream } = carried.line;
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      if (!carried.inFlight.has(next.bytes)) return;
      if (!carrier.hasRoom) {
        this.#waitForRoom(carried);
        return;
      }
      this.#waiting.shift();
      next.frame.stream = stream;
      carried.inFlight.sent(next);
      carrier.send(next.frame);
    }
    // Before it has begun there is no credit, and an end would be an end of nothing.
    if (!this.#isEnding || !carried.inFlight.isOpen || carried.isEnded) return;
    carried.isEnded = true;
    carrier.say(makeFrame(frameKinds.end, stream));
  }

  #waitForRoom(carried: Carried): void {
    if (carried.isListening) return;
    carried.isListening = true;
    carried.line.carrier.whenRoom(() => {
      carried.isListening = false;
      if (this.#carried === carried) this.#move();
    });
  }

  /** One that was sent stays in its place: its receipt may still come. */
  #expire(message: Message, afterMs: number): void {
    const at = this.#waiting.indexOf(message);
    const executed = at < 0 ? 'unknown' : 'no';
    if (at >= 0) {
      this.#waiting.splice(at, 1);
      this.#forget(message);
    }
    message.reject(new TuttiError('CALL_TIMED_OUT', { action: this.#label, afterMs, executed }));
  }

  #reject(messages: readonly Message[], error: TuttiError): void {
    if (messages.length > 0) this.hasTold = true;
    for (const message of messages) {
      this.#forget(message);
      message.reject(error);
    }
  }

  #forget({ bytes, timer }: Message): void {
    timer?.cancel();
    this.#count -= 1;
    this.#bytes -= bytes;
  }
}

const asEnd = (error: Error): TuttiError =>
  error instanceof TuttiError ? error : new TuttiError('CANCELLED', {}, { cause: error });
