/**
 * A channel at who opened it: one stream after the other, each another run of the handler, as the policy says. What was in flight when a
 * stream broke is told to who sent it; what waits to be sent goes on with the next one. The decisions are in core.
 */
import { bounds } from '../core/bounds.ts';
import { decideReopen, isLoss, lossesInARow } from '../core/channel.ts';
import { isTuttiError, TuttiError } from '../core/errors.ts';
import type { Clock, Random } from '../core/ports.ts';
import type { Channel, Reconnect, SendOptions } from '../define/client.ts';
import { MessageOutbox } from './message-outbox.ts';
import type { Stream } from './stream-call.ts';

export interface ChannelCallNeeds {
  readonly clock: Clock;
  readonly random: Random;
  readonly label: string;
  readonly input: unknown;
  readonly signal: AbortSignal | undefined;
  readonly reconnect: Reconnect<unknown> | undefined;
  /** Asks for the stream that carries it. */
  readonly stream: (input: unknown, messages: MessageOutbox) => Stream;
  /** Runs once, when it is over. */
  readonly over: (channel: ChannelCall) => void;
}

/** One run of the handler. */
interface Line {
  readonly stream: Stream;
  readonly items: AsyncIterator<unknown, undefined>;
  readonly openedAt: number;
  /** Whether there will be another one has been decided. */
  readonly decided: PromiseWithResolvers<undefined>;
}

export class ChannelCall implements Channel<unknown, unknown> {
  readonly #needs: ChannelCallNeeds;
  readonly #messages: MessageOutbox;
  readonly #over = Promise.withResolvers<undefined>();
  /** The one that is opened, or was last. */
  #stream: Stream | undefined;
  /** Pending while the channel is away. */
  #line: Promise<Line>;
  #isClosing = false;
  #isOver = false;
  /** How it ended, where that was not in order. */
  #error: TuttiError | undefined;
  /** Somebody has heard of it, or did it. */
  #isTold = false;
  /** Why this side has ended it. */
  #cancelled: TuttiError | undefined;
  #wake: (() => void) | undefined;

  constructor(needs: ChannelCallNeeds) {
    this.#needs = needs;
    this.#messages = new MessageOutbox(needs.clock, needs.label);
    needs.signal?.addEventListener('abort', this.#abort, { once: true });
    this.#line = this.#open(needs.input);
    void this.#keep(this.#line);
    if (needs.signal?.aborted === true) this.#abort();
  }

  /** Resolves when the handler runs. */
  async opened(): Promise<this> {
    await this.#line;
    return this;
  }

  send(message: unknown, { deadlineMs }: SendOptions = {}): Promise<void> {
    return this.#messages.send(message, deadlineMs);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<unknown, void, undefined> {
    for (;;) {
      const result = await this.#next();
      if (result.done === true) return;
      yield result.value;
    }
  }

  async close({ deadlineMs = bounds.callMs }: SendOptions = {}): Promise<void> {
    this.#isClosing = true;
    this.#messages.end();
    this.#wake?.();
    const { clock, label } = this.#needs;
    const timer = clock.after(deadlineMs, () => {
      this.#end(new TuttiError('CALL_TIMED_OUT', { action: label, afterMs: deadlineMs }));
    });
    await this.#over.promise;
    timer.cancel();
    if (this.#error === undefined || this.#isTold || this.#messages.hasTold) return;
    this.#isTold = true;
    throw this.#error;
  }

  cancel(reason?: unknown): void {
    this.#isTold = true;
    this.#end(new TuttiError('CANCELLED', {}, { cause: reason }));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  readonly #abort = (): void => {
    this.cancel(this.#needs.signal?.reason);
  };

  #end(error: TuttiError): void {
    if (this.#isOver) return;
    this.#cancelled ??= error;
    this.#wake?.();
    this.#stream?.cancel(error);
  }

  // --- one run after the other

  async #open(input: unknown): Promise<Line> {
    const stream = this.#needs.stream(input, this.#messages);
    this.#stream = stream;
    await stream.begun;
    const items = stream[Symbol.asyncIterator]() as Line['items'];
    const openedAt = this.#needs.clock.now();
    return { stream, items, openedAt, decided: Promise.withResolvers() };
  }

  async #keep(opening: Promise<Line>): Promise<void> {
    const { clock, reconnect } = this.#needs;
    let losses = 0;
    try {
      for (let line = await opening; ; line = await this.#line) {
        const end = await endOf(line.stream);
        const mayReopen =
          end !== undefined && isLoss(end) && !this.#isClosing && this.#cancelled === undefined;
        if (!mayReopen || reconnect === undefined) {
          this.#finish(end);
          line.decided.resolve(undefined);
          return;
        }
        losses = lossesInARow(losses, clock.now() - line.openedAt);
        this.#line = this.#reopen(end, losses, reconnect);
        line.decided.resolve(undefined);
      }
    } catch (error) {
      this.#finish(error as Error);
    }
  }

  async #reopen(loss: TuttiError, losses: number, { forMs, input }: Reconnect<unknown>): Promise<Line> {
    const { clock, random } = this.#needs;
    const until = clock.now() + forMs;
    const begin = input(loss);
    let error = loss;
    for (let failures = losses; ; failures += 1) {
      const afterMs = decideReopen({ failures, now: clock.now(), until }, random);
      if (afterMs === undefined) throw error;
      await this.#rest(afterMs);
      if (this.#isUnwanted) throw this.#cancelled ?? error;
      try {
        return await this.#open(begin);
      } catch (refused) {
        error = refused as TuttiError;
        if (!error.retryable) throw error;
      }
    }
  }

  /** This side has ended it, or is about to. */
  get #isUnwanted(): boolean {
    return this.#cancelled !== undefined || this.#isClosing;
  }

  #rest(afterMs: number): Promise<void> {
    // That was said during a try, when nothing rested.
    if (this.#isUnwanted) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = this.#needs.clock.after(afterMs, resolve);
      this.#wake = () => {
        timer.cancel();
        resolve();
      };
    });
  }

  #finish(end: Error | undefined): void {
    const { label, signal, over } = this.#needs;
    const error = this.#cancelled ?? end;
    this.#isOver = true;
    this.#error = error as TuttiError | undefined;
    this.#messages.fail(
      error ??
        new TuttiError('CANCELLED', { message: 'The other side has ended the channel' }, { from: label }),
    );
    signal?.removeEventListener('abort', this.#abort);
    this.#over.resolve(undefined);
    over(this);
  }

  async #next(): Promise<IteratorResult<unknown, undefined>> {
    for (;;) {
      const opening = this.#line;
      try {
        return await (await opening).items.next();
      } catch (error) {
        // Two loops at once, and no end.
        if (!isTuttiError(error)) throw error;
        await opening.then(
          ({ decided }) => decided.promise,
          () => undefined,
        );
        if (this.#line !== opening) continue;
        this.#isTold = true;
        throw this.#error ?? error;
      }
    }
  }
}

const endOf = (stream: Stream): Promise<TuttiError | undefined> =>
  stream.result.then(
    () => undefined,
    (error: unknown) => error as TuttiError,
  );
