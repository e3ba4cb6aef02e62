/**
 * What a channel knows of its messages, and when it is opened again. Pure. Used by both ends in the mesh.
 * Credit is the receipt: whoever reads grants each message when it was taken, in the order of the stream. So a message needs no number, and
 * nothing can come twice or be acknowledged that was not sent.
 */
import { bounds } from './bounds.ts';
import { TuttiError } from './errors.ts';
import type { Random } from './ports.ts';
import { restartDelayMs } from './restart-policy.ts';
import { SendWindow } from './stream-window.ts';

interface Sized {
  readonly bytes: number;
}

/** Messages that were sent on one connection, until they are taken. */
export class InFlight<Message extends Sized> {
  readonly #window: SendWindow;
  /** The other side has begun. */
  isOpen: boolean;
  #messages: Message[] = [];

  /** @param credit 0: the first grant opens the window, and takes nothing. */
  constructor(credit: number) {
    this.#window = new SendWindow(credit);
    this.isOpen = credit > 0;
  }

  has(bytes: number): boolean {
    return this.#window.has(bytes);
  }

  sent(message: Message): void {
    this.#window.sent(message.bytes);
    this.#messages.push(message);
  }

  /** Gives those that were taken. @throws {TuttiError} `PROTOCOL_ERROR` when it is not the size of the oldest ones. */
  granted(bytes: number): Message[] {
    this.#window.granted(bytes);
    if (!this.isOpen) {
      this.isOpen = true;
      return [];
    }
    let count = 0;
    for (let left = bytes; left > 0; count += 1) {
      const next = this.#messages[count];
      if (next === undefined || next.bytes > left) throw refuse('a receipt for a message that was not sent');
      left -= next.bytes;
    }
    return this.#messages.splice(0, count);
  }

  /** The connection has gone: gives those of which nobody will hear. */
  lost(): Message[] {
    const lost = this.#messages;
    this.#messages = [];
    return lost;
  }
}

const refuse = (reason: string): TuttiError => new TuttiError('PROTOCOL_ERROR', { reason });

/**
 * Whether a message that was sent, and for which no receipt came, was taken. What the other side said last came after all its receipts:
 * when the end is its word, the message was not taken. Of a connection that broke nobody knows.
 */
export const wasTaken = (end: TuttiError): 'no' | 'unknown' => (end.from === undefined ? 'unknown' : 'no');

/** What the sender of a message hears that was not taken: the end of the channel, and what is known of this message. */
export function notTaken(end: TuttiError, executed: 'no' | 'unknown'): TuttiError {
  const { code, message, http, retryable, from } = end;
  const options = { cause: end, row: { text: message, http, retryable } };
  return new TuttiError(
    code,
    { ...end.data, message, executed },
    from === undefined ? options : { ...options, from },
  );
}

/** Its instance died or stops: another one may go on. What its handler threw is no loss, though it be the loss of somebody else. */
export const isLoss = ({ code, from }: TuttiError): boolean =>
  code === 'STOPPING' || (code === 'INSTANCE_LOST' && from === undefined);

/** So long a channel was open, and its next loss is a first one again: whoever dies of what it is sent is not asked without a pause. */
const steadyMs = 1_000;
export const lossesInARow = (before: number, openForMs: number): number =>
  openForMs < steadyMs ? before + 1 : 1;

export interface Reopening {
  /** Losses and vain tries in a row, this one included. */
  readonly failures: number;
  readonly now: number;
  /** The last moment to try. */
  readonly until: number;
}

/** How long to wait before the next try; undefined: it is given up. The first one is at once. */
export function decideReopen({ failures, now, until }: Reopening, random: Random): number | undefined {
  const afterMs = restartDelayMs(failures, random, bounds.channelRestMs);
  // Written so that NaN is given up too.
  return now + afterMs <= until ? afterMs : undefined;
}
