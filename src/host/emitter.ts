/**
 * `emit` of one service: what it declares under `emits` is checked before it leaves; without a declaration anything goes.
 */
import { suggestion } from '../core/did-you-mean.ts';
import { TuttiError } from '../core/errors.ts';
import { isEventName } from '../core/ids.ts';
import type { EventSchemas } from '../define/handling.ts';
import { inputIssues } from '../define/schema.ts';
import type { Caller } from '../mesh/caller.ts';
import type { HandlerKit } from './handling.ts';

export function makeEmit(caller: Caller, emits: EventSchemas | undefined): HandlerKit['emit'] {
  return async (event, payload, { key, priority } = {}) => {
    const options = { key: checkedKey(key), priority };
    if (!isEventName(event))
      throw new TuttiError('INVALID_INPUT', {
        message: `An event is named by words joined by dots, like user.created; this is not: ${event.slice(0, 60)}`,
      });
    if (emits === undefined) return caller.emit(event, payload, options);
    const schema = Object.hasOwn(emits, event) ? emits[event] : undefined;
    if (schema === undefined)
      throw new TuttiError('INVALID_INPUT', {
        message: `${event} is not among the declared \`emits\`${suggestion(event, Object.keys(emits))}`,
      });
    const result = await schema['~standard'].validate(payload);
    if (result.issues !== undefined)
      throw new TuttiError('INVALID_INPUT', {
        message: `The payload of ${event} does not fit its schema`,
        issues: inputIssues(result.issues),
      });
    return caller.emit(event, result.value, options);
  };
}

const longestKey = 255;

/** JavaScript gives what it likes. */
function checkedKey(key: unknown): string | undefined {
  if (key === undefined) return undefined;
  if (typeof key === 'string' && key !== '' && key.length <= longestKey && key.isWellFormed()) return key;
  throw new TuttiError('INVALID_INPUT', {
    message: `The key of an event is a text of 1 to ${String(longestKey)} characters`,
  });
}
