/**
 * Binds and listens without accepting, which Node has no public way to do: the keeper holds the socket, every replica
 * of a gateway inherits it and accepts, and killing them all refuses no connection.
 * Where koffi cannot load (`canInheritSockets()` is false) replicas bind for themselves with `reusePort`: then a
 * connection that arrives while none of them lives is refused, and those in the queue of one that dies are lost.
 */
import { closeSync } from 'node:fs';
import { isIP } from 'node:net';
import { getSystemErrorName } from 'node:util';
import { TuttiError } from '../core/errors.ts';
import { loadNative, type IntFunction, type Native } from './native.ts';

interface ListenAddress {
  /** An IPv4 or IPv6 address, or `localhost`, which is 127.0.0.1 here. */
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
}

interface ListeningSocket {
  readonly fd: number;
  readonly port: number;
}

const isMac = process.platform === 'darwin';
const sizeOfV4 = 16;
const sizeOfV6 = 28;
const inet = 2;
const inet6 = isMac ? 30 : 10;
const stream = 1;
const socketLevel = isMac ? 0xffff : 1;
const reuseAddress = isMac ? 4 : 2;
/** The kernel takes the smaller of this and its own limit (`somaxconn`). */
const backlog = 4_096;
const setDescriptorFlags = 2;
const closeOnExec = 1;

export const canInheritSockets = (): boolean => loadNative() !== undefined;

/**
 * The descriptor is close-on-exec: only who gets it by `stdio` has it.
 * @throws {TuttiError} `CONFIG_INVALID` with one sentence: the port is taken, needs rights, the address is not ours.
 */
export async function openListeningSocket(address: ListenAddress): Promise<ListeningSocket> {
  const native = loadNative();
  if (native === undefined) throw refused(address, 'ENOSYS');
  const calls = makeCalls(native);
  const where = socketAddress(address, calls);
  const fd = calls.socket(where[isMac ? 1 : 0] === inet ? inet : inet6, stream, 0);
  if (fd < 0) throw refused(address, calls.lastError());
  try {
    calls.fcntl(fd, setDescriptorFlags, 'int', closeOnExec);
    const ok = Buffer.from(new Int32Array([1]).buffer);
    const steps = [
      () => calls.setsockopt(fd, socketLevel, reuseAddress, ok, ok.length),
      () => calls.bind(fd, where, where.length),
      () => calls.listen(fd, backlog),
    ];
    for (const step of steps) if (step() !== 0) throw refused(address, calls.lastError());
    return await Promise.resolve({ fd, port: boundPort(fd, calls) });
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

export function closeListeningSocket(fd: number): void {
  closeSync(fd);
}

type Calls = ReturnType<typeof makeCalls>;

function makeCalls({ koffi, libc }: Native) {
  return {
    socket: libc.func('int socket(int, int, int)') as IntFunction<[number, number, number]>,
    setsockopt: libc.func('int setsockopt(int, int, int, void *, uint)') as IntFunction<
      [number, number, number, Buffer, number]
    >,
    bind: libc.func('int bind(int, void *, uint)') as IntFunction<[number, Buffer, number]>,
    listen: libc.func('int listen(int, int)') as IntFunction<[number, number]>,
    getsockname: libc.func('int getsockname(int, void *, void *)') as IntFunction<[number, Buffer, Buffer]>,
    inet_pton: libc.func('int inet_pton(int, const char *, void *)') as IntFunction<[number, string, Buffer]>,
    fcntl: libc.func('int fcntl(int, int, ...)') as IntFunction<[number, number, 'int', number]>,
    lastError: () => getSystemErrorName(-koffi.errno()),
  };
}

/** `struct sockaddr_in` or `sockaddr_in6`; on macOS the first byte is the length, on Linux family has two bytes. */
function socketAddress(address: ListenAddress, calls: Calls): Buffer {
  const host = address.host === 'localhost' ? '127.0.0.1' : address.host;
  const isV4 = isIP(host) === 4;
  const bytes = Buffer.alloc(isV4 ? sizeOfV4 : sizeOfV6);
  const family = isV4 ? inet : inet6;
  if (isMac) bytes.set([bytes.length, family]);
  else bytes[0] = family;
  bytes.writeUInt16BE(address.port, 2);
  const numbers = bytes.subarray(isV4 ? 4 : 8);
  if (isIP(host) === 0 || calls.inet_pton(family, host, numbers) !== 1) throw refused(address, 'EINVAL');
  return bytes;
}

function boundPort(fd: number, calls: Calls): number {
  const bytes = Buffer.alloc(sizeOfV6);
  const length = Buffer.from(new Uint32Array([bytes.length]).buffer);
  calls.getsockname(fd, bytes, length);
  return bytes.readUInt16BE(2);
}

const sentences: Readonly<Record<string, (port: string, host: string) => string>> = {
  EADDRINUSE: (port, host) => `Port ${port} on ${host} is taken: stop who has it, or choose another port`,
  EACCES: (port, host) =>
    `Port ${port} on ${host} needs rights that this user has not: choose one above 1023`,
  EADDRNOTAVAIL: (_port, host) => `The address ${host} is none of this machine's: use 127.0.0.1 or 0.0.0.0`,
  EINVAL: (_port, host) => `The host ${host} is no IP address: use an address like 127.0.0.1, or localhost`,
  ENOSYS: () => 'Sockets cannot be inherited here, because koffi did not load',
};

function refused({ host, port }: ListenAddress, code: string): TuttiError {
  const sentence = sentences[code] ?? (() => `Port ${String(port)} on ${host} cannot be opened (${code})`);
  return new TuttiError('CONFIG_INVALID', {
    message: sentence(String(port), host),
    host,
    port,
    reason: code,
  });
}
