/**
 * Moleculer in bench/deaths.ts: two nodes with one service, started again when they end, before moleculer-web. They have the names that it gives
 * them and find one another by themselves, as they do unless one asks for something else. So is its retry policy, which `retries` turns on.
 */
import { ServiceBroker } from 'moleculer';
import ApiGateway from 'moleculer-web';
import type { ReplicasMeeting } from '../lib/forked-replicas.ts';
import type { GatewayPeer } from '../lib/peer.ts';

const broker = ({ retries }: ReplicasMeeting): ServiceBroker =>
  new ServiceBroker({
    logger: false,
    retryPolicy: { enabled: retries },
    // Loopback only: a bench sends nothing into the network it runs in.
    transporter: { type: 'TCP', options: { udpBindAddress: '127.0.0.1' } },
  });

export const peer: GatewayPeer = {
  async serve(at) {
    const node = broker(at as ReplicasMeeting);
    node.createService({ name: 'who', actions: { pid: { handler: () => ({ pid: process.pid }) } } });
    await node.start();
  },
  async gateway(at) {
    const node = broker(at as ReplicasMeeting);
    const routes = [{ path: '/', aliases: { 'GET /': 'who.pid' } }];
    const settings = { ip: '127.0.0.1', port: at.httpPort, routes };
    node.createService({ name: 'api', mixins: [ApiGateway], settings });
    await node.start();
    await node.waitForServices('who');
  },
};
