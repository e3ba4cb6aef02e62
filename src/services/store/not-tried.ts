/** Of deliveries that came to nothing: which of them count. */
import type { ErrorCode } from '../../core/errors.ts';

/** It did not begin, or there was nobody who could: no attempt. */
export const notTried: ReadonlySet<string> = new Set<ErrorCode>([
  'NO_INSTANCE',
  'CONNECTION_REFUSED',
  'OVERLOADED',
  'STOPPING',
  'CIRCUIT_OPEN',
  'INSTANCE_BUSY',
  // An instance of an earlier release, which does not know it.
  'UNKNOWN_ACTION',
  'FORBIDDEN',
]);
/** Until who could not is asked again. */
export const askAgainMs = 250;
/** Until a store that could not be read is read again. */
export const readAgainMs = 5_000;
