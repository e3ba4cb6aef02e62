/**
 * Values to bodies and back. A body is JSON text, or the bytes themselves for a `Uint8Array`.
 * Refuses, from outside, what could turn on us: keys named `__proto__` and a depth no honest peer can write.
 */
import { bounds } from '../core/bounds.ts';
import { TuttiError } from '../core/errors.ts';
import { frameFlags, readBodyBytes, readBodyText } from './frames.ts';
import type { IncomingFrame } from './frames.ts';

/** A value that is JSON already: it is sent as it is. */
export class WrittenJson {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** Empty when there is nothing to say. @throws what `JSON.stringify` throws: a cycle, a BigInt. */
export function bodyOf(value: unknown): string | Uint8Array {
  if (value instanceof Uint8Array) return value;
  if (value instanceof WrittenJson) return value.text;
  const text: string | undefined = JSON.stringify(value);
  // For undefined, functions and symbols there is no text, which its type does not say.
  return typeof text === 'string' ? text : '';
}

/** @throws {TuttiError} `PROTOCOL_ERROR` when it is not JSON, `INVALID_INPUT` when it names `__proto__`. */
export const readBody = (frame: IncomingFrame): unknown =>
  (frame.flags & frameFlags.raw) === 0 ? parseBody(readBodyText(frame)) : readBodyBytes(frame);

export function parseBody(text: string): unknown {
  if (text === '') return undefined;
  if (isTooDeep(text)) throw new TuttiError('PROTOCOL_ERROR', { reason: 'the body is nested too deep' });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new TuttiError('PROTOCOL_ERROR', { reason: 'the body is not JSON' }, { cause });
  }
  // Looked for by its beginning, for which the engine has a quicker search. A key can be spelt with escapes, and all letters of this one are below U+0100.
  if ((text.includes('__pro') || text.includes('\\u00')) && namesPrototype(value)) {
    throw new TuttiError('INVALID_INPUT', {
      issues: [{ path: '', message: 'the key "__proto__" is refused' }],
    });
  }
  return value;
}

/** Counting brackets is cheap with the engine's own search, and a text of half as many letters cannot nest so deep. */
function isTooDeep(text: string): boolean {
  const limit = bounds.meshJsonDepth;
  if (text.length < 2 * limit) return false;
  return countUpTo(limit, text, '[') + countUpTo(limit, text, '{') > limit && depthOf(text) > limit;
}

function countUpTo(limit: number, text: string, letter: string): number {
  let count = 0;
  for (let at = text.indexOf(letter); at >= 0 && count <= limit; at = text.indexOf(letter, at + 1))
    count += 1;
  return count;
}

const letters = { quote: 34, backslash: 92, openList: 91, closeList: 93, openObject: 123, closeObject: 125 };

/** Brackets inside of texts do not count. By hand: a pattern for texts is quadratic in one that never ends. */
function depthOf(text: string): number {
  let depth = 0;
  let deepest = 0;
  let isInText = false;
  for (let at = 0; at < text.length; at += 1) {
    const letter = text.charCodeAt(at);
    if (letter === letters.quote) isInText = !isInText;
    else if (isInText) at += letter === letters.backslash ? 1 : 0;
    else if (letter === letters.openList || letter === letters.openObject)
      deepest = Math.max(deepest, (depth += 1));
    else if (letter === letters.closeList || letter === letters.closeObject) depth -= 1;
  }
  return deepest;
}

/** Walks with a list of its own: the depth is the peer's choice, our stack is not. */
function namesPrototype(value: unknown): boolean {
  const left = [value];
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    if (typeof next !== 'object' || next === null) continue;
    if (Object.hasOwn(next, '__proto__')) return true;
    for (const inner of Object.values(next) as unknown[]) if (typeof inner === 'object') left.push(inner);
  }
  return false;
}
