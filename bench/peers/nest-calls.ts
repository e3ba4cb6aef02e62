import { ClientProxyFactory, Transport } from '@nestjs/microservices';
import { firstValueFrom } from 'rxjs';
import type { CallsPeer } from '../lib/peer.ts';
import { serveNest } from './nest-service.ts';

export const peer: CallsPeer = {
  serve: ({ servicePort }) => serveNest(servicePort, 'echo', (input) => input),
  async connect({ servicePort }) {
    const client = ClientProxyFactory.create({
      transport: Transport.TCP,
      options: { host: '127.0.0.1', port: servicePort },
    });
    await client.connect();
    return (input) => firstValueFrom(client.send('echo', input));
  },
};
