/**
 * Trace ids from the given chance, so that a simulation repeats them. Not secrets. Span ids are made by who makes spans.
 */
import type { Random } from '../core/ports.ts';
import { quick } from './quick-buffer.ts';

/** Gives 32 hexadecimal digits. */
export type NewTraceId = () => string;

const traceIdBytes = 16;

export function makeTraceIds(random: Random): NewTraceId {
  const scratch = quick(Buffer.alloc(traceIdBytes));
  return () => {
    for (let at = 0; at < traceIdBytes; at += 4) scratch.writeUInt32LE(Math.floor(random() * 2 ** 32), at);
    return scratch.hexSlice(0, traceIdBytes);
  };
}
