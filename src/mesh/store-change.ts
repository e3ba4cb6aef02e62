/**
 * How a change travels to the store: a line of JSON that says of what and whose it is, one with its input, and one for each body of what is kept, as it will lie there.
 * As bytes, so that the store can compare what is asked for again as it came; and a body, which is JSON itself, is not written as a text of JSON once more.
 */
import { TuttiError } from '../core/errors.ts';
import { bodyOf, parseBody } from './body.ts';
import { quick, writeText } from './quick-buffer.ts';

/** What an area of the store is asked for: `{ area: 'state', name: 'put', input: {...} }`. */
export interface StoreAsk {
  readonly area: string;
  readonly name: string;
  readonly input?: unknown;
}

/** `bodies`: of the entries of a list in its input, each the JSON that the store reads as `body` of its entry: `{ of: 'jobs', texts: ['{"payload":1}'] }`. */
export interface StoreChange extends StoreAsk {
  readonly bodies?: { readonly of: string; readonly texts: readonly string[] };
}

/** Tells a change from all others of who asks. */
export interface ChangeNumber {
  /** Of this client: another process under the same name, in this run of the app or a later one, has another. */
  readonly origin: string;
  readonly number: number;
}

interface Head extends Pick<StoreAsk, 'area' | 'name'>, ChangeNumber {
  readonly bodiesOf?: string | undefined;
}

/** In no JSON that `JSON.stringify` writes. */
const lineEnd = 10;

/** @throws {TuttiError} `INVALID_INPUT` when the input is not JSON. */
export function writeChange({ area, name, input, bodies }: StoreChange, change: ChangeNumber): Uint8Array {
  const head: Head = { area, name, ...change, bodiesOf: bodies?.of };
  try {
    return bytesOf([JSON.stringify(head), String(bodyOf(input)), ...(bodies?.texts ?? [])]);
  } catch (cause) {
    throw new TuttiError('INVALID_INPUT', { message: 'What the store is to keep is JSON' }, { cause });
  }
}

/** @throws {TuttiError} `INVALID_INPUT`, `PROTOCOL_ERROR` when nobody of ours has written it. */
export function readChange(asked: unknown): StoreAsk & ChangeNumber {
  if (!Buffer.isBuffer(asked)) throw refuse('a change of the store is bytes');
  const lines = new Lines(asked);
  const head = parseBody(lines.next()) as Head | undefined;
  if (head === undefined) throw refuse('a change of the store begins with what it is of');
  const { bodiesOf, ...change } = head;
  const input = parseBody(lines.next());
  if (bodiesOf !== undefined) readBodies((input as Record<string, unknown> | undefined)?.[bodiesOf], lines);
  if (!lines.areOver) throw refuse('a change of the store has more lines than it says');
  return { ...change, input };
}

function readBodies(entries: unknown, lines: Lines): void {
  if (!Array.isArray(entries)) throw refuse('a change of the store has a list for its bodies');
  for (const entry of entries as { body?: string }[]) entry.body = lines.next();
}

/** No more of them are read than are asked for. */
class Lines {
  readonly #bytes: Buffer;
  #start = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get areOver(): boolean {
    return this.#start > this.#bytes.length;
  }

  next(): string {
    if (this.areOver) throw refuse('a change of the store has fewer lines than it says');
    const found = this.#bytes.indexOf(lineEnd, this.#start);
    const end = found < 0 ? this.#bytes.length : found;
    const line = quick(this.#bytes).utf8Slice(this.#start, end);
    this.#start = end + 1;
    return line;
  }
}

/** One by one: the text of all of them would be as large as a thousand jobs, and costs more than to write them. */
function bytesOf(lines: readonly string[]): Buffer {
  const sizes = lines.map((line) => Buffer.byteLength(line));
  const bytes = Buffer.allocUnsafe(sizes.reduce((sum, size) => sum + size, lines.length - 1));
  let at = 0;
  for (const [index, line] of lines.entries()) {
    if (index > 0) bytes[at++] = lineEnd;
    at = writeText(bytes, at, line, sizes[index] ?? 0);
  }
  return bytes;
}

const refuse = (reason: string): TuttiError => new TuttiError('PROTOCOL_ERROR', { reason });
