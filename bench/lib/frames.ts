/**
 * The yardstick, written by hand: JSON over a unix socket behind a 4-byte length, answers in the order of the questions.
 * `raw` writes each message as it comes; `coalesced` writes what one turn of the event loop brought in one go.
 */
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { Socket } from 'node:net';
import type { Call } from './peer.ts';

export type Writing = 'raw' | 'coalesced';

function encode(message: unknown): Buffer {
  const text = JSON.stringify(message);
  const length = Buffer.byteLength(text);
  const frame = Buffer.allocUnsafe(4 + length);
  frame.writeUInt32LE(length, 0);
  frame.write(text, 4);
  return frame;
}

function writer(socket: Socket, writing: Writing): (message: unknown) => void {
  if (writing === 'raw') return (message) => void socket.write(encode(message));
  let waiting: Buffer[] = [];
  const flush = (): void => {
    socket.write(waiting.length === 1 ? (waiting[0] ?? '') : Buffer.concat(waiting));
    waiting = [];
  };
  return (message) => {
    if (waiting.push(encode(message)) === 1) process.nextTick(flush);
  };
}

function onMessage(socket: Socket, take: (message: unknown) => void): void {
  let rest: Buffer = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let offset = 0;
    while (bytes.length - offset >= 4) {
      const end = offset + 4 + bytes.readUInt32LE(offset);
      if (end > bytes.length) break;
      take(JSON.parse(bytes.toString('utf8', offset + 4, end)));
      offset = end;
    }
    rest = bytes.subarray(offset);
  });
}

export async function serveFrames(
  path: string,
  writing: Writing,
  handle: (input: unknown) => unknown,
): Promise<void> {
  const server = createServer((socket) => {
    const write = writer(socket, writing);
    onMessage(socket, (input) => {
      write(handle(input));
    });
  }).listen(path);
  await once(server, 'listening');
}

export async function connectFrames(path: string, writing: Writing): Promise<Call> {
  const socket = connect(path);
  await once(socket, 'connect');
  const write = writer(socket, writing);
  const waiting: ((answer: unknown) => void)[] = [];
  onMessage(socket, (message) => waiting.shift()?.(message));
  return (input) =>
    new Promise((settle) => {
      waiting.push(settle);
      write(input);
    });
}
