import fastify from 'fastify';
import type { GatewayPeer } from '../lib/peer.ts';
import { user } from '../lib/peer.ts';

export const peer: GatewayPeer = {
  async gateway({ httpPort }) {
    const server = fastify();
    server.get<{ Params: { id: string } }>('/users/:id', ({ params }) =>
      Promise.resolve({ ...user, id: Number(params.id) }),
    );
    await server.listen({ host: '127.0.0.1', port: httpPort });
  },
};
