/**
 * Reads what the keeper puts on fd 3: the birth frame, then nothing, until its end says that the keeper is gone.
 */
import { Socket } from 'node:net';
import { bounds } from '../../core/bounds.ts';
import { isPlainObject } from '../../core/options.ts';
import type { Birth } from '../../mesh/control-protocol.ts';
import { JsonFrameSocket } from '../../os/json-frames.ts';

export interface Lifeline {
  readonly birth: Birth;
  /** Resolves when the keeper is gone. */
  readonly cut: Promise<undefined>;
}

const lifelineFd = 3;

const isBirth = (frame: unknown): frame is Birth =>
  isPlainObject(frame) && frame['op'] === 'birth' && typeof frame['module'] === 'string';

/** @throws {Error} when the first frame is no birth frame: this program is started by the keeper and by nobody else. */
export async function readBirth(): Promise<Lifeline> {
  const born = Promise.withResolvers<Birth>();
  const cut = Promise.withResolvers<undefined>();
  new JsonFrameSocket(new Socket({ fd: lifelineFd, readable: true, writable: true }), {
    maxBytes: bounds.controlFrameBytes,
    onFrame: (frame) => {
      if (isBirth(frame)) born.resolve(frame);
      else born.reject(new Error('fd 3 brought something that is no birth frame'));
    },
    onClose: () => {
      born.reject(new Error('fd 3 closed before the birth frame came'));
      cut.resolve(undefined);
    },
  });
  return { birth: await born.promise, cut: cut.promise };
}
