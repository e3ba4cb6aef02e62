import ApiGateway from 'moleculer-web';
import type { GatewayPeer } from '../lib/peer.ts';
import { user } from '../lib/peer.ts';
import { broker } from './moleculer-broker.ts';

export const peer: GatewayPeer = {
  async serve(at) {
    const node = broker('service', at);
    const get = {
      params: { id: { type: 'number', convert: true } },
      handler: ({ params }: { params: object }) => ({ ...user, ...params }),
    };
    node.createService({ name: 'users', actions: { get } });
    await node.start();
  },
  async gateway(at) {
    const node = broker('caller', at);
    const routes = [{ path: '/', aliases: { 'GET users/:id': 'users.get' } }];
    node.createService({
      name: 'api',
      mixins: [ApiGateway],
      settings: { ip: '127.0.0.1', port: at.httpPort, routes },
    });
    await node.start();
    await node.waitForServices('users');
  },
};
