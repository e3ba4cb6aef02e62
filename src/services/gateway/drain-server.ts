/**
 * Stops an HTTP server without losing a request. Used by the server.
 * Connections in use close themselves: their last answer says `Connection: close`. One that is idle is the hard case: a request may be on
 * its way through it, and HTTP has no word to call it back. So it is kept for as long as its client was told that it may be used.
 */
import { Server as NetServer } from 'node:net';
import type { Server } from 'node:http';
import { setImmediate as socketsRead, setTimeout as sleep } from 'node:timers/promises';
import type { Connection, Connections } from './connections.ts';

/** For what is on its way when the stop begins, whoever is idle for how long. */
const lingerMs = 250;
const lookMs = 20;
const shortTurnMs = 1;
/** Where none is short. */
const mostTurns = 100;

export interface Draining {
  readonly connections: Connections;
  /** What clients are told: for so long an idle connection may be used. */
  readonly keepAliveMs: number;
  /** Whether another gateway takes what comes: where none does, clients are refused anyway, and nobody waits for the idle. */
  readonly isRelieved: () => boolean;
}

/** Resolves when no connection is left; whoever asked has the deadline. */
export async function drainServer(server: Server, draining: Draining): Promise<void> {
  const { connections, keepAliveMs, isRelieved } = draining;
  // Not `server.close()`: that cuts idle keep-alive connections at once, and with them requests already sent.
  if (server.listening) NetServer.prototype.close.call(server);
  const startedAt = performance.now();
  while (connections.size > 0) {
    await sleep(lookMs);
    await allIsRead();
    const now = performance.now();
    if (now - startedAt < lingerMs) continue;
    const patienceMs = isRelieved() ? keepAliveMs : lingerMs;
    for (const connection of connections)
      if (isOver(connection, now, patienceMs)) connections.leave(connection);
  }
}

/**
 * Node fires timers before it reads: after a starved moment a request that has come would still look like idleness. And what runs between
 * its reading and our look is time in which one may come: so the turn of the event loop is to be a short one.
 */
async function allIsRead(): Promise<void> {
  for (let turns = 0, tookMs = Infinity; tookMs > shortTurnMs && turns < mostTurns; turns += 1) {
    const before = performance.now();
    await socketsRead();
    tookMs = performance.now() - before;
  }
}

const isOver = (connection: Connection, now: number, patienceMs: number): boolean =>
  connection.isIdle && now - connection.restedAt >= patienceMs;
