import type { CallsPeer } from '../lib/peer.ts';
import { broker } from './moleculer-broker.ts';

export const peer: CallsPeer = {
  async serve(at) {
    const node = broker('service', at);
    node.createService({ name: 'bench', actions: { echo: { handler: ({ params }) => params } } });
    await node.start();
  },
  async connect(at) {
    const node = broker('caller', at);
    await node.start();
    await node.waitForServices('bench');
    return (input) => node.call('bench.echo', input as object);
  },
};
