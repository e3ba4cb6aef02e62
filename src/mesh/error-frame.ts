/** An error as an answer. Bounded like every answer: what does not fit goes without its data. */
import { bounds } from '../core/bounds.ts';
import { toWire } from '../core/errors.ts';
import { frameKinds, makeFrame } from './frames.ts';
import type { OutgoingFrame } from './frames.ts';

export function errorFrame(
  stream: number,
  error: unknown,
  parts: { load: number; flags?: number },
): OutgoingFrame {
  const wire = toWire(error);
  try {
    const frame = makeFrame(frameKinds.error, stream, { ...parts, body: JSON.stringify(wire) });
    if (frame.bytes <= bounds.frameBytes) return frame;
  } catch {
    // A cycle or a BigInt in the data: the code and the sentence are what callers act on.
  }
  const body = JSON.stringify({ ...wire, message: wire.message.slice(0, 1_000), data: {} });
  return makeFrame(frameKinds.error, stream, { ...parts, body });
}
