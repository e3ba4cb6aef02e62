/**
 * Trace and span ids from the given chance, so that a simulation repeats them. Not secrets.
 */
import type { Random } from '../core/ports.ts';
import { quick } from './quick-buffer.ts';

export interface TraceIds {
  /** Trace id and span id of a new trace: 48 hexadecimal digits. */
  newTrace(): string;
  /** 16 hexadecimal digits. */
  newSpan(): string;
}

export function makeTraceIds(random: Random): TraceIds {
  const scratch = quick(Buffer.alloc(24));
  const draw = (bytes: number): string => {
    for (let at = 0; at < bytes; at += 4) scratch.writeUInt32LE(Math.floor(random() * 2 ** 32), at);
    return scratch.hexSlice(0, bytes);
  };
  return { newTrace: () => draw(24), newSpan: () => draw(8) };
}
