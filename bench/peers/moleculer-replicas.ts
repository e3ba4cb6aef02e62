/**
 * Moleculer in bench/deaths.ts: two nodes with one service, started again when they end, before moleculer-web. They have the names that it gives
 * them and find one another by themselves, as they do unless one asks for something else. So is its retry policy, which `retries` turns on.
 */
import type { ChildProcess } from 'node:child_process';
import { ServiceBroker } from 'moleculer';
import ApiGateway from 'moleculer-web';
import type { Replicas } from '../deaths.ts';
import type { GatewayPeer, Meeting } from '../lib/peer.ts';
import { answer, end, meeting, startRole } from '../lib/spawn.ts';

interface Node extends Meeting {
  readonly retries: boolean;
}

const broker = ({ retries }: Node): ServiceBroker =>
  new ServiceBroker({
    logger: false,
    retryPolicy: { enabled: retries },
    // Loopback only: a bench sends nothing into the network it runs in.
    transporter: { type: 'TCP', options: { udpBindAddress: '127.0.0.1' } },
  });

export const peer: GatewayPeer = {
  async serve(at) {
    const node = broker(at as Node);
    node.createService({ name: 'who', actions: { pid: { handler: () => ({ pid: process.pid }) } } });
    await node.start();
  },
  async gateway(at) {
    const node = broker(at as Node);
    const routes = [{ path: '/', aliases: { 'GET /': 'who.pid' } }];
    const settings = { ip: '127.0.0.1', port: at.httpPort, routes };
    node.createService({ name: 'api', mixins: [ApiGateway], settings });
    await node.start();
    await node.waitForServices('who');
  },
};

export async function moleculerReplicas(retries: boolean): Promise<Replicas> {
  const at = await meeting();
  const running = new Map<string, ChildProcess>();
  let isOver = false;
  const start = async (role: string, node: string): Promise<void> => {
    const child = startRole('moleculer-replicas', role, { ...at, retries } as Node);
    running.set(node, child);
    child.once('exit', () => {
      if (!isOver) start(role, node).catch(() => undefined);
    });
    await answer(child);
  };
  await start('serve', 'one');
  await start('serve', 'two');
  await start('gateway', 'gateway');
  return {
    url: `http://127.0.0.1:${String(at.httpPort)}/`,
    pids: () => Promise.resolve(['one', 'two'].map((node) => running.get(node)?.pid ?? 0)),
    async [Symbol.asyncDispose]() {
      isOver = true;
      await Promise.all([...running.values()].map((child) => end(child)));
    },
  };
}
