/**
 * Stops an HTTP server without cutting a request. Used by the server.
 */
import { Server as NetServer } from 'node:net';
import type { Server } from 'node:http';
import { setImmediate as socketsRead, setTimeout as sleep } from 'node:timers/promises';

/** How long a connection may be idle before it is closed: a request may be on its way through it. */
const lingerMs = 250;
const lookMs = 20;

/**
 * Connections in use close themselves: their next answer says `Connection: close`. Resolves when nothing is in flight;
 * whoever asked has the deadline.
 */
export async function drainServer(server: Server, inFlight: () => number): Promise<void> {
  // Not `server.close()`: that cuts idle keep-alive connections at once, and with them requests already sent.
  if (server.listening) NetServer.prototype.close.call(server);
  for (let waitedMs = 0; (await openConnections(server)) > 0; waitedMs += lookMs) {
    if (waitedMs >= lingerMs) {
      server.closeIdleConnections();
      if (inFlight() === 0) return;
    }
    await sleep(lookMs);
    // Node fires timers before it reads: after a starved moment a request that has come would still look like idleness.
    await socketsRead();
  }
}

const openConnections = (server: Server): Promise<number> =>
  new Promise((resolve) => {
    server.getConnections((_error, count) => {
      resolve(count);
    });
  });
