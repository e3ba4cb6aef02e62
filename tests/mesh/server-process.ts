/** Starts instances of `users` as real processes, for tests that kill them. No test of its own. */
import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { ServerOrder } from '../fixtures/mesh/server.ts';
import type { MeshWorld } from './mesh-world.ts';

const program = new URL('../fixtures/mesh/server.ts', import.meta.url);

export async function startServer(
  world: MeshWorld,
  { slot, epoch = 1 }: { readonly slot: number; readonly epoch?: number },
): Promise<ChildProcess> {
  const self = { service: 'users', slot, epoch };
  const order: ServerOrder = {
    self,
    address: world.address(self),
    certificate: world.certificate(self),
    publicKey: world.keys.publicKey,
  };
  const server = fork(program);
  server.send(order);
  assert.deepEqual((await once(server, 'message'))[0], 'serving');
  return server;
}
