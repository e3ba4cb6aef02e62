/**
 * JSON bodies of strangers: looked through before they are parsed, so that a hostile one costs no more than its length. Pure.
 * Gives the body's object; refuses what is nested too deep, has too many keys in one object, or names a prototype.
 */
import { isUtf8 } from 'node:buffer';
import { parse } from 'secure-json-parse';
import { bounds } from '../../core/bounds.ts';
import { TuttiError } from '../../core/errors.ts';
import { isPlainObject } from '../../core/options.ts';

const refuse = (message: string): TuttiError =>
  new TuttiError('INVALID_INPUT', { message, issues: [{ path: '', message }] });

/** An empty body is an empty input. @throws {TuttiError} `INVALID_INPUT` */
export function parseJsonBody(bytes: Buffer): Record<string, unknown> {
  if (bytes.length === 0) return {};
  const value = parseJson(bytes);
  if (!isPlainObject(value)) throw refuse('The body must be a JSON object');
  return value;
}

/** Any value. @throws {TuttiError} `INVALID_INPUT` */
export function parseJson(bytes: Buffer): unknown {
  if (!isUtf8(bytes)) throw refuse('The body is not UTF-8');
  checkShape(bytes);
  return parseText(bytes.toString('utf8'));
}

function parseText(text: string): unknown {
  try {
    return parse(text, { protoAction: 'error', constructorAction: 'error' }) as unknown;
  } catch (error) {
    // Texts of the engine quote the body, and tell which engine it is.
    const isForbidden = error instanceof SyntaxError && error.message.startsWith('Object contains forbidden');
    throw refuse(isForbidden ? 'The body has a key that is refused' : 'The body is not JSON');
  }
}

const quote = 0x22;
const backslash = 0x5c;
const colon = 0x3a;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const openBrace = 0x7b;
const closeBrace = 0x7d;

/** Counts brackets, and colons per object, outside of strings. What is not JSON at all is left to the parser. */
function checkShape(bytes: Buffer): void {
  const keys = new Uint32Array(bounds.jsonDepth + 1);
  let depth = 0;
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at];
    if (byte === quote) at = endOfString(bytes, at);
    else if (byte === openBrace || byte === openBracket) {
      depth += 1;
      if (depth > bounds.jsonDepth)
        throw refuse(`The body is nested deeper than ${String(bounds.jsonDepth)}`);
      keys[depth] = 0;
    } else if (byte === closeBrace || byte === closeBracket) depth = Math.max(0, depth - 1);
    else if (byte === colon) {
      const count = (keys[depth] ?? 0) + 1;
      if (count > bounds.jsonKeys)
        throw refuse(`An object of the body has more than ${String(bounds.jsonKeys)} keys`);
      keys[depth] = count;
    }
  }
}

/** Where the closing quote of the string that opens at `start` is, or the end of the bytes. */
function endOfString(bytes: Buffer, start: number): number {
  let at = start + 1;
  while (at < bytes.length && bytes[at] !== quote) at += bytes[at] === backslash ? 2 : 1;
  return at;
}
