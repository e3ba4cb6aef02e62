/**
 * Reads an error that another process sent. It is a stranger's object until every field was looked at.
 */
import { TuttiError, fromWire } from '../core/errors.ts';
import { isPlainObject } from '../core/options.ts';

/** @param from the action that answered with it. @throws {TuttiError} `PROTOCOL_ERROR` */
export function readWireError(value: unknown, from: string): TuttiError {
  if (!isPlainObject(value)) throw refuse();
  const { code, message, data, http, retryable, stack } = value;
  if (typeof code !== 'string' || typeof message !== 'string' || !isPlainObject(data)) throw refuse();
  if (typeof http !== 'number' || !Number.isInteger(http) || http < 400 || http > 599) throw refuse();
  const known = { code, message, data, http, retryable: retryable === true };
  return fromWire(typeof stack === 'string' ? { ...known, stack } : known, from);
}

const refuse = (): TuttiError => new TuttiError('PROTOCOL_ERROR', { reason: 'the error is not one' });
