/**
 * What an instance said in its welcome that it can be asked for, each under the number that holds on its connection. Used by its peer.
 */
import type { Welcome } from './hello.ts';

/** An action as it is called on this connection. */
export interface Offer {
  readonly number: number;
  readonly isIdempotent: boolean;
  readonly priority: number | undefined;
  /** Of a stream, and only of a stream: how long it may wait for the other side. */
  readonly silenceMs: number | undefined;
  /** A stream that is a channel. */
  readonly isChannel: boolean;
}

export class Offers {
  readonly #actions = new Map<string, Offer>();
  readonly #events = new Map<string, number>();

  /** Undefined: it has no such action. */
  action(name: string): Offer | undefined {
    return this.#actions.get(name);
  }

  /** The number of an event that it wants. */
  event(name: string): number | undefined {
    return this.#events.get(name);
  }

  take({ actions, events }: Welcome): void {
    actions.forEach(({ name, idempotent: isIdempotent, priority, stream }, number) => {
      const silenceMs = stream === undefined ? undefined : (stream.silenceMs ?? Infinity);
      const isChannel = stream?.isChannel === true;
      this.#actions.set(name, { number, isIdempotent, priority, silenceMs, isChannel });
    });
    events.forEach((event, number) => this.#events.set(event, number));
  }

  clear(): void {
    this.#actions.clear();
    this.#events.clear();
  }
}
