/** Connections that say what they like, for tests of what is refused. No test of its own. */
import { bounds } from '../../src/core/bounds.ts';
import type { Certificate } from '../../src/core/certificate.ts';
import { FrameReader } from '../../src/mesh/frame-reader.ts';
import { frameKinds, makeFrame, writeFrame } from '../../src/mesh/frames.ts';
import type { FrameKind, FrameParts, IncomingFrame } from '../../src/mesh/frames.ts';
import { helloText } from '../../src/mesh/hello.ts';
import type { Connection, Listener } from '../../src/mesh/transport/transport.ts';
import type { MeshWorld } from './mesh-world.ts';
import { until } from './mesh-world.ts';

export const server = { service: 'users', slot: 1, epoch: 1 };
export const stranger = { service: 'orders', slot: 1, epoch: 1 };

export function bytesOf(kind: FrameKind, stream: number, parts: FrameParts = {}): Buffer {
  const frame = makeFrame(kind, stream, parts);
  const bytes = Buffer.alloc(frame.bytes);
  writeFrame(bytes, 0, frame);
  return bytes;
}

/** A connection that says what it likes. */
export interface Rogue {
  readonly connection: Connection;
  readonly closed: Promise<void>;
  readonly kinds: number[];
  isClosed: boolean;
  say(kind: FrameKind, stream: number, parts?: FrameParts): void;
}

export async function connectRogue(world: MeshWorld, certificate?: Certificate): Promise<Rogue> {
  const connection = await world.transport.connect(world.address(server), 10_000);
  const { promise: closed, resolve } = Promise.withResolvers<undefined>();
  const kinds: number[] = [];
  const reader = new FrameReader(bounds.frameBytes, (frame) => kinds.push(frame.kind));
  const rogue: Rogue = {
    connection,
    closed,
    kinds,
    isClosed: false,
    say: (kind, stream, parts) => {
      connection.write(bytesOf(kind, stream, parts));
    },
  };
  connection.onData((chunk) => {
    reader.push(chunk);
  });
  connection.onClose(() => {
    rogue.isClosed = true;
    resolve(undefined);
  });
  if (certificate !== undefined) {
    rogue.say(frameKinds.hello, 0, { body: helloText(certificate) });
    await until(() => kinds.length > 0 || rogue.isClosed);
  }
  return rogue;
}

/** Listens where `users` is looked for, and answers each frame after the hello as it likes. */
export function rogueCallee(
  world: MeshWorld,
  actions: readonly object[],
  answer: (frame: IncomingFrame, connection: Connection) => void,
): Promise<Listener> {
  const welcome = { protocol: 1, certificate: world.certificate(server), events: [], actions };
  world.list({ ...server, address: world.address(server) });
  return world.transport.listen(world.address(server), (connection) => {
    const reader = new FrameReader(bounds.frameBytes, (frame) => {
      if (frame.kind === frameKinds.hello)
        connection.write(bytesOf(frameKinds.welcome, 0, { body: JSON.stringify(welcome) }));
      else answer(frame, connection);
    });
    connection.onData((chunk) => {
      reader.push(chunk);
    });
  });
}
