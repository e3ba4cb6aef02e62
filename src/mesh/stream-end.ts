/**
 * One end of a stream on its connection: the items that come, the items that go, and the credit for both. The same at caller and callee.
 * How the call that carries it is settled is not its affair.
 */
import { bounds } from '../core/bounds.ts';
import { TuttiError } from '../core/errors.ts';
import type { Clock } from '../core/ports.ts';
import { creditFrame, frameKinds, readCredit } from './frames.ts';
import type { IncomingFrame } from './frames.ts';
import { ItemInbox } from './item-inbox.ts';
import { ItemOutbox } from './item-outbox.ts';
import type { StreamCarrier } from './item-outbox.ts';
import type { MessageOutbox } from './message-outbox.ts';
import { Patience } from './patience.ts';

export interface StreamEndNeeds {
  readonly carrier: StreamCarrier;
  readonly clock: Clock;
  /** Its number on the connection. */
  readonly stream: number;
  /** How long it waits for the other side; Infinity: for ever. */
  readonly silenceMs: number;
  /** Bytes that may be sent, and received, before anything was granted. */
  readonly credit: { readonly sending: number; readonly receiving: number };
  /** It has waited too long, or its reader wants no more. */
  readonly over: (error: TuttiError) => void;
  readonly label: string;
  /** Of a channel: what goes is held there, and each one that comes gets its receipt. */
  readonly messages: MessageOutbox | undefined;
}

export class StreamEnd {
  readonly inbox: ItemInbox;
  readonly outbox: ItemOutbox;
  readonly #needs: StreamEndNeeds;

  constructor(needs: StreamEndNeeds) {
    const { carrier, stream, credit, messages } = needs;
    this.#needs = needs;
    this.inbox = new ItemInbox({
      credit: credit.receiving,
      patience: this.#patience(),
      isReceipted: messages !== undefined,
      grant: (bytes) => {
        carrier.say(creditFrame(stream, bytes));
      },
      left: () => {
        needs.over(new TuttiError('CANCELLED', { message: 'The reader of the stream wanted no more' }));
      },
    });
    this.outbox = new ItemOutbox({ carrier, stream, credit: credit.sending, patience: this.#patience() });
    messages?.carriedBy({ carrier, stream, credit: credit.sending });
  }

  /** Says that the call has begun, and grants the first window where there are items to come. */
  begin(takesItems: boolean): void {
    const bytes = takesItems ? this.inbox.open(bounds.streamWindowBytes) : 0;
    this.#needs.carrier.say(creditFrame(this.#needs.stream, bytes));
  }

  /** @throws {TuttiError} `PROTOCOL_ERROR` */
  took(frame: IncomingFrame): void {
    if (frame.kind === frameKinds.data) this.inbox.take(frame);
    else if (frame.kind === frameKinds.credit)
      (this.#needs.messages ?? this.outbox).granted(readCredit(frame));
    else this.inbox.finish();
  }

  /** Both ways. */
  fail(error: Error): void {
    this.inbox.fail(error);
    this.stopSending(error);
  }

  stopSending(error: Error): void {
    this.outbox.fail(error);
    this.#needs.messages?.lost(error);
  }

  #patience(): Patience {
    const { clock, silenceMs, over, label } = this.#needs;
    return new Patience(clock, silenceMs, () => {
      over(new TuttiError('STREAM_SILENT', { action: label, silenceMs }));
    });
  }
}
