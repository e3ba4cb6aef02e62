/**
 * Makes the streams of a definition ready to be served: validate the input, run, validate each item both ways, and the output.
 * The order is that of actions; what moves the items is the mesh.
 */
import { TuttiError } from '../core/errors.ts';
import type { Timer } from '../core/ports.ts';
import { inputIssues } from '../define/schema.ts';
import type { ActionDefinition } from '../define/service.ts';
import { Pump } from '../mesh/pump.ts';
import type { Items } from '../mesh/pump.ts';
import type { IncomingCall } from '../mesh/served-call.ts';
import type { ServedStream } from '../mesh/stream-of-call.ts';
import { CallHandling } from './handling.ts';
import type { HandlerKit } from './handling.ts';
import { invalidInput } from './invalid-input.ts';
import type { Validate } from './validate.ts';
import { nothing, validator } from './validate.ts';

type Run = (handling: StreamHandling) => unknown;
type EventId = (item: unknown) => string | number;

/** A stream that gives items says that it has begun with its first one, or after this long: until then its errors are plain answers. */
const beginMs = 100;

export class StreamHandling extends CallHandling {
  readonly items: AsyncIterable<unknown>;

  constructor(kit: HandlerKit, call: IncomingCall, given: { input: unknown; items: AsyncIterable<unknown> }) {
    super(kit, call, given.input);
    this.items = given.items;
  }
}

/** The steps of one stream, each known once. */
export function streamChain(
  action: ActionDefinition,
  label: string,
): (call: IncomingCall, input: unknown, kit: HandlerKit) => Promise<unknown> {
  const readInput = action.input === undefined ? nothing : validator(action.input);
  const readItem = action.items === undefined ? undefined : validator(action.items);
  const readYield = action.yields === undefined ? undefined : validator(action.yields);
  const readOutput = action.output === undefined ? undefined : validator(action.output);
  const eventId = eventIdOf(action);
  const run = action.run as Run;

  return async (call, input, kit) => {
    const { stream } = call;
    if (stream === undefined) throw new Error('the mesh made no stream of this call');
    const read = await readInput(input);
    if (read.issues !== undefined) throw invalidInput(read.issues);
    const items = checkedItems(stream.items, readItem);
    const handling = new StreamHandling(kit, call, { input: read.value, items });
    try {
      if (readItem !== undefined || readYield === undefined) stream.begin(readItem !== undefined);
      const result = await run(handling);
      const output =
        readYield === undefined
          ? result
          : await sendAll(result as Items, {
              stream,
              readYield,
              eventId: call.http ? eventId : undefined,
              kit,
              label,
              isBegun: readItem !== undefined,
            });
      if (stream.endedBy !== undefined) throw stream.endedBy;
      return readOutput === undefined ? null : await checked(output, readOutput, label);
    } catch (error) {
      // However the handler took it: what ended the stream from outside is how it ended.
      throw stream.endedBy ?? error;
    }
  };
}

function eventIdOf({ http }: ActionDefinition): EventId | undefined {
  return typeof http === 'object' && 'eventId' in http ? (http.eventId as EventId | undefined) : undefined;
}

/** @throws {TuttiError} `INVALID_INPUT` at the item that is not what was declared, by its number. */
async function* checkedItems(
  items: AsyncIterable<unknown>,
  read: Validate | undefined,
): AsyncGenerator<unknown, void, undefined> {
  if (read === undefined) return;
  let number = 0;
  for await (const item of items) {
    const result = await read(item);
    if (result.issues !== undefined) throw invalidInput(result.issues, `items.${String(number)}`);
    yield result.value;
    number += 1;
  }
}

interface Sending {
  readonly stream: ServedStream;
  readonly readYield: Validate;
  readonly eventId: EventId | undefined;
  readonly kit: HandlerKit;
  readonly label: string;
  readonly isBegun: boolean;
}

/** Gives what the source returns. */
async function sendAll(source: Items, sending: Sending): Promise<unknown> {
  const { stream, kit } = sending;
  const beginning = sending.isBegun ? undefined : new Beginning(stream, kit);
  const pump = new Pump(source, (item) => {
    beginning?.now();
    return sendOne(item, sending);
  });
  stream.onEnd(() => {
    pump.stop();
  });
  try {
    return await pump.run();
  } finally {
    beginning?.cancel();
  }
}

function sendOne(item: unknown, { stream, readYield, eventId, label }: Sending): Promise<void> | undefined {
  const result = readYield(item);
  if (result instanceof Promise) return result.then((later) => send(later));
  return send(result);

  function send(read: Awaited<ReturnType<Validate>>): Promise<void> | undefined {
    if (read.issues !== undefined)
      throw new TuttiError('INVALID_OUTPUT', { action: label }, { cause: inputIssues(read.issues) });
    const id = eventId?.(read.value);
    return stream.send(read.value, id === undefined ? undefined : String(id));
  }
}

async function checked(output: unknown, read: Validate, label: string): Promise<unknown> {
  const result = await read(output);
  if (result.issues === undefined) return result.value;
  throw new TuttiError('INVALID_OUTPUT', { action: label }, { cause: inputIssues(result.issues) });
}

/** Says once that a stream has begun: with its first item, or when that takes long. */
class Beginning {
  readonly #stream: ServedStream;
  #timer: Timer | undefined;

  constructor(stream: ServedStream, { clock }: HandlerKit) {
    this.#stream = stream;
    this.#timer = clock.after(beginMs, () => {
      this.now();
    });
  }

  now(): void {
    if (this.#timer === undefined) return;
    this.cancel();
    if (this.#stream.endedBy === undefined) this.#stream.begin(false);
  }

  cancel(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }
}
