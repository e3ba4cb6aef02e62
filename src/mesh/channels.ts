/**
 * The channels that one caller has open: opens them, and ends them with it.
 */
import type { Clock, Random } from '../core/ports.ts';
import type { ChannelOptions, StreamOptions } from './caller.ts';
import { ChannelCall } from './channel-call.ts';
import type { MessageOutbox } from './message-outbox.ts';
import type { Stream } from './stream-call.ts';

export interface ChannelRequest<Options = ChannelOptions> {
  readonly service: string;
  readonly action: string;
  readonly input: unknown;
  readonly options: Options;
}

export interface ChannelsNeeds {
  readonly clock: Clock;
  readonly random: Random;
  /** Asks for a stream that carries one of them. */
  readonly stream: (request: ChannelRequest<StreamOptions>, messages: MessageOutbox) => Stream;
}

export class Channels {
  readonly #needs: ChannelsNeeds;
  readonly #open = new Set<ChannelCall>();

  constructor(needs: ChannelsNeeds) {
    this.#needs = needs;
  }

  /** Resolves when the other side runs. @throws {TuttiError} what a call may fail with. */
  open({ service, action, input, options }: ChannelRequest): Promise<ChannelCall> {
    const { clock, random, stream } = this.#needs;
    const { signal, reconnect, ...rest } = options;
    const channel = new ChannelCall({
      ...{ clock, random, label: `${service}.${action}`, input, signal, reconnect },
      stream: (begin, messages) => stream({ service, action, input: begin, options: rest }, messages),
      over: (ended) => this.#open.delete(ended),
    });
    this.#open.add(channel);
    return channel.opened();
  }

  close(): void {
    for (const channel of this.#open) channel.cancel();
  }
}
