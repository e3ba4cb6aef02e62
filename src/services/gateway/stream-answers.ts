/**
 * The answers of a gateway that go on: writes the items of streams as fast as their readers take them, says something now and then where
 * there is nothing to say, and ends those that can be taken up again when the gateway stops. Used by the request handler.
 */
import type { ServerResponse } from 'node:http';
import { bounds } from '../../core/bounds.ts';
import { TuttiError } from '../../core/errors.ts';
import type { ArrivedItem } from '../../mesh/item-inbox.ts';
import type { MetricFamily } from '../../mesh/runtime.ts';
import type { Stream } from '../../mesh/stream-call.ts';
import type { Problem } from './problem.ts';
import type { StreamFormat } from './stream-format.ts';
import { eventStream } from './stream-format.ts';

export interface StreamLimits {
  readonly streams: number;
  readonly stallMs: number;
  readonly heartbeatMs: number;
}
export const streamLimits: StreamLimits = {
  streams: bounds.httpStreams,
  stallMs: bounds.httpStallMs,
  heartbeatMs: bounds.httpHeartbeatMs,
};

export interface StreamAnswer {
  readonly response: ServerResponse;
  readonly stream: Stream<ArrivedItem>;
  readonly format: StreamFormat;
  readonly headers: Readonly<Record<string, string>>;
  /** What a client is told of an error; also where it is logged. */
  readonly problemOf: (error: unknown) => Problem;
}

/** One that is being written. */
interface Open {
  writtenAt: number;
  beat(): void;
  /** The gateway stops. */
  leave(): void;
  /** It has stopped. */
  cut(): void;
}

export class StreamAnswers {
  /** Readers that did not take what was sent. */
  stalled = 0;
  items = 0;
  readonly #limits: StreamLimits;
  readonly #open = new Set<Open>();
  #timer: NodeJS.Timeout | undefined;
  #isDraining = false;

  constructor(limits: StreamLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#open.size;
  }

  families(gateway: string): MetricFamily[] {
    const samples = (value: number): MetricFamily['samples'] => [{ labels: { gateway }, value }];
    // prettier-ignore
    return [
      { name: 'tutti_http_streams', type: 'gauge', help: 'Streams and WebSockets that are open.', samples: samples(this.size) },
      { name: 'tutti_http_stream_items_total', type: 'counter', help: 'Items of streams that were written to clients.', samples: samples(this.items) },
      { name: 'tutti_http_stalled_total', type: 'counter', help: 'Readers of streams that were cut off: they did not read.', samples: samples(this.stalled) },
    ];
  }

  /** @throws {TuttiError} `OVERLOADED` */
  makeRoom(): void {
    if (this.#open.size >= this.#limits.streams)
      throw new TuttiError('OVERLOADED', { what: 'This gateway', retryAfterMs: 1_000 });
  }

  /** Also of WebSockets: what keeps a gateway busy though nothing moves. Gives the function that ends it. */
  add(open: Open): () => void {
    this.#open.add(open);
    if (this.#isDraining) open.leave();
    this.#timer ??= setInterval(this.#beat, this.#limits.heartbeatMs / 4);
    return () => {
      this.#open.delete(open);
      if (this.#open.size > 0) return;
      clearInterval(this.#timer);
      this.#timer = undefined;
    };
  }

  /** Resolves when the answer has ended, whoever ended it. Wants a stream that has begun. */
  async write(answer: StreamAnswer): Promise<void> {
    const { response, stream, format, headers } = answer;
    const closing = this.#isDraining ? { connection: 'close' } : {};
    const type = { 'content-type': format.contentType };
    response.writeHead(200, { ...headers, ...closing, ...type, 'x-accel-buffering': 'no' });
    // A reader is to know at once that it is connected.
    response.flushHeaders();
    const open: Open = {
      writtenAt: performance.now(),
      beat: () => {
        if (!response.writableNeedDrain) response.write(format.heartbeat);
      },
      leave: () => {
        // It comes back with the id of its last event; the lines of the other have no way to.
        if (format === eventStream) stream.cancel('the gateway stops');
      },
      cut: () => {
        response.destroy();
      },
    };
    const remove = this.add(open);
    try {
      await this.#writeItems(answer, open);
    } finally {
      remove();
    }
  }

  /** Those that can be taken up again elsewhere; the rest may come to its end. */
  drain(): void {
    this.#isDraining = true;
    for (const open of this.#open) open.leave();
  }

  close(): void {
    for (const open of this.#open) open.cut();
  }

  async #writeItems({ response, stream, format, problemOf }: StreamAnswer, open: Open): Promise<void> {
    try {
      for await (const item of stream) {
        this.items += 1;
        open.writtenAt = performance.now();
        // Node sends all that is written in one turn at once.
        if (!response.write(format.item(item))) await this.#taken(response);
      }
      response.end(format.end(outputText(await stream.result)));
    } catch (error) {
      stream.cancel(error);
      if (this.#isDraining && format === eventStream) response.end();
      else endWith(response, format.problem(problemOf(error)));
    }
  }

  /** @throws {TuttiError} `STREAM_SILENT` when the reader does not take it in time; its connection is cut. */
  #taken(response: ServerResponse): Promise<void> {
    const { stallMs } = this.#limits;
    return new Promise((resolve, reject) => {
      const finish = (): void => {
        clearTimeout(timer);
        response.off('drain', finish).off('close', finish);
        resolve();
      };
      const timer = setTimeout(() => {
        response.off('drain', finish).off('close', finish);
        this.stalled += 1;
        response.destroy();
        reject(new TuttiError('STREAM_SILENT', { action: 'the reader', silenceMs: stallMs }));
      }, stallMs);
      response.on('drain', finish).on('close', finish);
    });
  }

  readonly #beat = (): void => {
    const now = performance.now();
    for (const open of this.#open) {
      if (now - open.writtenAt < this.#limits.heartbeatMs) continue;
      open.writtenAt = now;
      open.beat();
    }
  };
}

/** Of an answer that was begun. Without a word for it, a body that is cut off is what tells. */
function endWith(response: ServerResponse, text: string | undefined): void {
  if (text === undefined) response.destroy();
  else response.end(text);
}

const outputText = (output: unknown): string => (Buffer.isBuffer(output) ? output.toString('utf8') : 'null');
