/** The floor: what a person would write by hand, and no more: Fastify, and a service behind a coalescing socket. */
import fastify from 'fastify';
import { connectFrames, serveFrames } from '../lib/frames.ts';
import type { GatewayPeer } from '../lib/peer.ts';
import { user } from '../lib/peer.ts';

export const peer: GatewayPeer = {
  serve: ({ socket }) =>
    serveFrames(socket, 'coalesced', (input) => ({ ...user, ...(input as { id: number }) })),
  async gateway({ socket, httpPort }) {
    const call = await connectFrames(socket, 'coalesced');
    const server = fastify();
    server.get<{ Params: { id: string } }>('/users/:id', ({ params }) => call({ id: Number(params.id) }));
    await server.listen({ host: '127.0.0.1', port: httpPort });
  },
};
