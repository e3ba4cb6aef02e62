import { connectFrames, serveFrames } from '../lib/frames.ts';
import type { CallsPeer } from '../lib/peer.ts';

export const peer: CallsPeer = {
  serve: ({ socket }) => serveFrames(socket, 'raw', (input) => input),
  connect: ({ socket }) => connectFrames(socket, 'raw'),
};
