/**
 * Reads the body of a request as one JSON text per line, as far as somebody asks for them: what is not asked for waits in the socket.
 * Used by the request handler. Refuses a line that is too long or no JSON, by its number.
 */
import type { IncomingMessage } from 'node:http';
import { bounds } from '../../core/bounds.ts';
import { isTuttiError, TuttiError } from '../../core/errors.ts';
import { parseJson } from './body-guard.ts';

const newline = 0x0a;
/** What JSON may have around it. */
const isBlank = (line: Buffer): boolean =>
  line.every((byte) => byte === 0x20 || byte === 0x09 || byte === 0x0d);

/** @throws {TuttiError} `PAYLOAD_TOO_LARGE`, `INVALID_INPUT`, `BAD_REQUEST` when the client leaves before the end. */
export async function* readLines(request: IncomingMessage): AsyncGenerator<unknown, void, undefined> {
  let number = 0;
  for await (const line of splitLines(request)) {
    number += 1;
    if (!isBlank(line)) yield parseLine(line, number);
  }
}

function parseLine(line: Buffer, number: number): unknown {
  try {
    return parseJson(line);
  } catch (error) {
    if (!isTuttiError(error, 'INVALID_INPUT')) throw error;
    const message = `Line ${String(number)}: ${error.message}`;
    throw new TuttiError('INVALID_INPUT', { message, issues: [{ path: '', message }] });
  }
}

async function* splitLines(request: IncomingMessage): AsyncGenerator<Buffer, void, undefined> {
  let held: Buffer[] = [];
  let heldBytes = 0;
  // Destroying the request would take the answer with it.
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    let from = 0;
    for (let at = chunk.indexOf(newline); at >= 0; at = chunk.indexOf(newline, from)) {
      const end = chunk.subarray(from, at);
      yield held.length === 0 ? end : Buffer.concat([...held, end]);
      held = [];
      heldBytes = 0;
      from = at + 1;
    }
    if (from === chunk.length) continue;
    held.push(chunk.subarray(from));
    heldBytes += chunk.length - from;
    if (heldBytes > bounds.streamItemBytes)
      throw new TuttiError('PAYLOAD_TOO_LARGE', { limitBytes: bounds.streamItemBytes });
  }
  if (!request.complete) throw new TuttiError('BAD_REQUEST', { reason: 'the body is cut off' });
  if (heldBytes > 0) yield Buffer.concat(held, heldBytes);
}
