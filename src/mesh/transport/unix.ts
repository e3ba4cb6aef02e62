/**
 * Bytes over unix sockets: what instances of one machine use. The socket is for our user alone (0600).
 * It binds a neighbouring name and renames it over the address, so that a stale socket is replaced in one step, the
 * mode is right before anybody can connect, and libuv, which unlinks what it has bound, never unlinks a successor's.
 */
import { chmodSync, renameSync, rmSync } from 'node:fs';
import { createConnection, createServer } from 'node:net';
import type { Socket } from 'node:net';
import { setTimeout as setTimeoutPromise } from 'node:timers/promises';
import { TuttiError, isTuttiError } from '../../core/errors.ts';
import type { Accepts } from '../runtime.ts';
import type { Connection, Listener, Transport } from './transport.ts';

/** Reads of a connection we opened go here, so that no read allocates. */
const readBytes = 65_536;
const busyMs = 20;
/** To be told of the end of a write costs a tick: nobody asks for it for a small one, which the operating system nearly always takes at once. */
const smallBytes = 8_192;

/** @param accepts counts what is turned away for want of a file descriptor. */
export const unixTransport = (accepts?: Accepts): Transport => ({
  listen: (address, accept) => listen(address, accept, accepts),
  connect,
});

function listen(
  address: string,
  accept: (connection: Connection) => void,
  accepts: Accepts | undefined,
): Promise<Listener> {
  const unborn = `${address}~`;
  rmSync(unborn, { force: true });
  const server = createServer((socket) => {
    accept(connectionOf(socket, (receive) => socket.on('data', receive)));
  });
  const listener: Listener = {
    close: () => {
      // Its callback waits for open connections, which are to go on.
      if (server.listening) server.close();
      return Promise.resolve();
    },
  };
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(unborn, () => {
      server.off('error', reject);
      // Accepting may fail for a moment; libuv tries again, and callers see a slow connect.
      server.on('error', () => undefined);
      accepts?.watch(server, 'mesh');
      chmodSync(unborn, 0o600);
      renameSync(unborn, address);
      resolve(listener);
    });
  });
}

async function connect(address: string, timeoutMs: number): Promise<Connection> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    try {
      return await connectOnce(address, deadline - performance.now());
    } catch (error) {
      if (!isBusy(error) || performance.now() + busyMs > deadline) throw error;
      await setTimeoutPromise(busyMs);
    }
  }
}

/** The backlog of a busy listener is full: Linux says so at once where TCP would wait. */
const isBusy = (error: unknown): boolean => isTuttiError(error) && error.data['reason'] === 'EAGAIN';

async function connectOnce(address: string, timeoutMs: number): Promise<Connection> {
  let receive: ((chunk: Buffer) => void) | undefined;
  const onread = {
    buffer: Buffer.allocUnsafeSlow(readBytes),
    callback: (size: number, buffer: Uint8Array): boolean => {
      receive?.((buffer as Buffer).subarray(0, size));
      return true;
    },
  };
  const socket = createConnection({ path: address, onread });
  await connected(socket, timeoutMs);
  return connectionOf(socket, (next) => {
    receive = next;
  });
}

function connected(socket: Socket, timeoutMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const refuse = (reason: string, cause?: unknown): void => {
      clearTimeout(timer);
      socket.destroy();
      reject(new TuttiError('CONNECTION_REFUSED', { reason }, { cause }));
    };
    const refused = (error: NodeJS.ErrnoException): void => {
      refuse(error.code ?? error.message, error);
    };
    const timer = setTimeout(refuse, timeoutMs, 'ETIMEDOUT');
    socket.once('error', refused);
    socket.once('connect', () => {
      clearTimeout(timer);
      socket.off('error', refused);
      resolve();
    });
  });
}

function connectionOf(socket: Socket, onData: Connection['onData']): Connection {
  // The reason of a loss is not asked for: a closed connection is all that callers act on.
  socket.on('error', () => undefined);
  let drained: (() => void) | undefined;
  const written = (): void => {
    if (socket.writableLength === 0) drained?.();
  };
  return {
    onData,
    write: (bytes) => {
      if (!socket.writable) return true;
      if (bytes.length < smallBytes && socket.writableLength === 0) {
        socket.write(bytes);
        return true;
      }
      socket.write(bytes, written);
      return socket.writableLength === 0;
    },
    get pendingBytes() {
      return socket.writableLength;
    },
    onDrain: (next) => {
      drained = next;
    },
    onClose: (closed) => {
      socket.once('close', closed);
    },
    end: () => {
      socket.end();
    },
    destroy: () => {
      socket.destroy();
    },
  };
}
