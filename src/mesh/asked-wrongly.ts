/**
 * The answer to who takes an action for what it is not: at run time a client knows only its name. Used by both sides.
 */
import { TuttiError } from '../core/errors.ts';

const ways = {
  function: 'is no stream: call it as a function',
  stream: 'is a stream: ask for it with .stream() or .send(), or over HTTP',
  channel: 'is a channel: open it with .open()',
} as const;

/** @param is what it is. */
export function askedWrongly(name: string, is: keyof typeof ways): TuttiError {
  const message = `${name} ${ways[is]}`;
  return new TuttiError('INVALID_INPUT', { message, issues: [{ path: '', message }] });
}
