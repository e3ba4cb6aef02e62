/** A Redis of the bench's own: in memory, or with its log synced at every write, which is what `on disk` means there. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createConnection } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { RunningServer } from './job-processes.ts';
import { cpuUs } from './proc.ts';
import { end, freePort, newFolder } from './spawn.ts';

const memory = ['--appendonly', 'no', '--save', ''];
const disk = ['--appendonly', 'yes', '--appendfsync', 'always', '--save', ''];

async function answers(port: number): Promise<boolean> {
  const socket = createConnection({ host: '127.0.0.1', port });
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

export async function startRedis(isDurable: boolean): Promise<RunningServer> {
  const port = await freePort();
  const settings = ['--port', String(port), '--bind', '127.0.0.1', '--dir', newFolder()];
  const child = spawn('redis-server', [...settings, ...(isDurable ? disk : memory)], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  // A spawn that fails says so by this event: the connection below will not be there.
  child.on('error', () => undefined);
  for (let tries = 0; tries < 100; tries += 1) {
    if (await answers(port))
      return {
        address: String(port),
        cpuUs: () => cpuUs([child.pid ?? 0]),
        [Symbol.asyncDispose]: () => end(child),
      };
    await delay(50);
  }
  throw new Error('redis-server does not answer');
}
