/**
 * Makes the channels of a definition ready to be served: validate the input, run, validate each message both ways.
 * The order is that of actions; receipts and what is in flight are the mesh's.
 */
import { TuttiError } from '../core/errors.ts';
import { inputIssues } from '../define/schema.ts';
import type { ChannelEnd, SendOptions } from '../define/client.ts';
import type { ActionDefinition } from '../define/service.ts';
import type { IncomingCall } from '../mesh/served-call.ts';
import type { ServedStream } from '../mesh/stream-of-call.ts';
import { CallHandling } from './handling.ts';
import type { HandlerKit } from './handling.ts';
import { invalidInput } from './invalid-input.ts';
import type { Validate } from './validate.ts';
import { nothing, validator } from './validate.ts';

type Run = (handling: ChannelHandling) => unknown;

class ChannelHandling extends CallHandling {
  readonly channel: ChannelEnd<unknown, unknown>;

  constructor(kit: HandlerKit, call: IncomingCall, given: { input: unknown; channel: HandlerChannel }) {
    super(kit, call, given.input);
    this.channel = given.channel;
  }
}

interface Served {
  readonly stream: ServedStream;
  readonly readMessage: Validate;
  readonly readOwn: Validate;
  readonly label: string;
}

/** The handler's end. */
class HandlerChannel implements ChannelEnd<unknown, unknown> {
  readonly #served: Served;
  #number = 0;

  constructor(served: Served) {
    this.#served = served;
  }

  async send(message: unknown, { deadlineMs }: SendOptions = {}): Promise<void> {
    const { stream, readOwn, label } = this.#served;
    const read = await readOwn(message);
    if (read.issues !== undefined)
      throw new TuttiError('INVALID_OUTPUT', { action: label }, { cause: inputIssues(read.issues) });
    await stream.messages?.send(read.value, deadlineMs);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<unknown, void, undefined> {
    for (;;) {
      const result = await this.#next();
      if (result.done === true) return;
      yield result.value;
    }
  }

  /** One that cannot be taken ends the channel: its sender would wait for it, and for all that came after. */
  async #next(): Promise<IteratorResult<unknown, undefined>> {
    const { stream, readMessage } = this.#served;
    try {
      const result = await stream.items.next();
      const read = result.done === true ? undefined : await readMessage(result.value);
      // Meanwhile: whoever sent this one has heard that it was not taken.
      if (stream.endedBy !== undefined) throw stream.endedBy;
      if (read === undefined) return { done: true, value: undefined };
      if (read.issues !== undefined) throw invalidInput(read.issues, `messages.${String(this.#number)}`);
      this.#number += 1;
      stream.taken();
      return { done: false, value: read.value };
    } catch (error) {
      stream.fail(error as Error);
      throw error;
    }
  }
}

/** The steps of one channel, each known once. */
export function channelChain(
  action: ActionDefinition,
  label: string,
): (call: IncomingCall, input: unknown, kit: HandlerKit) => Promise<unknown> {
  const readInput = action.input === undefined ? nothing : validator(action.input);
  const readMessage = action.receives === undefined ? nothing : validator(action.receives);
  const readOwn = action.sends === undefined ? nothing : validator(action.sends);
  const run = action.run as Run;

  return async (call, input, kit) => {
    const { stream } = call;
    if (stream === undefined) throw new Error('the mesh made no channel of this call');
    const read = await readInput(input);
    if (read.issues !== undefined) throw invalidInput(read.issues);
    const channel = new HandlerChannel({ stream, readMessage, readOwn, label });
    try {
      stream.begin(true);
      await run(new ChannelHandling(kit, call, { input: read.value, channel }));
    } catch (error) {
      throw stream.endedBy ?? error;
    }
    // However the handler took it: what ended the channel from outside is how it ended.
    if (stream.endedBy !== undefined) throw stream.endedBy;
    return null;
  };
}
