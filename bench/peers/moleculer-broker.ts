/** A Moleculer node that finds the other one by its address: TCP without discovery, logs and metrics off (its defaults but for logs). */
import { ServiceBroker } from 'moleculer';
import type { Meeting } from '../lib/peer.ts';

export function broker(nodeID: 'service' | 'caller', { servicePort, callerPort }: Meeting): ServiceBroker {
  const urls = [`127.0.0.1:${String(servicePort)}/service`, `127.0.0.1:${String(callerPort)}/caller`].join(
    ',',
  );
  return new ServiceBroker({
    nodeID,
    logger: false,
    transporter: { type: 'TCP', options: { udpDiscovery: false, urls } },
  });
}
