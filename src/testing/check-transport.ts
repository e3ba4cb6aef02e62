/**
 * What every transport driver must do. A driver's own test calls `checkTransport` with a way to open one.
 * It checks the port only: frames, names and calls are above it.
 */
import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { test } from 'node:test';
import { isTuttiError } from '../core/errors.ts';
import type { Connection, Listener, Transport } from '../mesh/transport/transport.ts';

export interface OpenTransport {
  readonly transport: Transport;
  /** A new address at each call. */
  address(): string;
  close(): Promise<void> | void;
}

const connectMs = 2_000;

interface Pair extends AsyncDisposable {
  readonly near: Connection;
  readonly far: Connection;
  readonly listener: Listener;
  readonly address: string;
  readonly transport: Transport;
}

async function connectPair(open: () => OpenTransport | Promise<OpenTransport>): Promise<Pair> {
  const opened = await open();
  const address = opened.address();
  const accepted = Promise.withResolvers<Connection>();
  const listener = await opened.transport.listen(address, accepted.resolve);
  const near = await opened.transport.connect(address, connectMs);
  const far = await accepted.promise;
  return {
    near,
    far,
    listener,
    address,
    transport: opened.transport,
    [Symbol.asyncDispose]: async () => {
      near.destroy();
      far.destroy();
      await listener.close();
      await opened.close();
    },
  };
}

/** Collects what arrives, and tells when so many bytes are there. */
function collect(connection: Connection): { until(bytes: number): Promise<Buffer> } {
  const events = new EventEmitter();
  let all = Buffer.alloc(0);
  connection.onData((chunk) => {
    all = Buffer.concat([all, chunk]);
    events.emit('more');
  });
  return {
    until: async (bytes) => {
      while (all.length < bytes) await once(events, 'more');
      return all;
    },
  };
}

const closed = (connection: Connection): Promise<void> =>
  new Promise((resolve) => {
    connection.onClose(resolve);
  });

export function checkTransport(name: string, open: () => OpenTransport | Promise<OpenTransport>): void {
  test(`${name}: bytes arrive in order, both ways`, async () => {
    await using pair = await connectPair(open);
    const [atNear, atFar] = [collect(pair.near), collect(pair.far)];
    for (let index = 0; index < 100; index += 1) {
      pair.near.write(Buffer.from([index]));
      pair.far.write(Buffer.from([100 + index]));
    }
    const numbers = Array.from({ length: 100 }, (_hole, index) => index);
    assert.deepEqual([...(await atFar.until(100))], numbers);
    assert.deepEqual(
      [...(await atNear.until(100))],
      numbers.map((index) => 100 + index),
    );
  });

  test(`${name}: a megabyte arrives whole, and what waits is counted until it has left`, async () => {
    await using pair = await connectPair(open);
    const received = collect(pair.far);
    const bytes = Buffer.alloc(1_048_576, 'tutti');
    pair.near.write(bytes);
    assert.ok(pair.near.pendingBytes > 0);
    assert.ok((await received.until(bytes.length)).equals(bytes));
    while (pair.near.pendingBytes > 0) await new Promise(setImmediate);
  });

  test(`${name}: what was written may be written over once nothing waits`, async () => {
    await using pair = await connectPair(open);
    const received = collect(pair.far);
    const numbers = Array.from({ length: 100 }, (_hole, index) => index);
    let bytes = Buffer.alloc(10_000);
    for (const number of numbers) {
      pair.near.write(bytes.fill(number));
      if (pair.near.pendingBytes > 0) bytes = Buffer.alloc(10_000);
    }
    const all = await received.until(1_000_000);
    for (const number of numbers)
      assert.ok(all.subarray(number * 10_000, (number + 1) * 10_000).every((byte) => byte === number));
  });

  test(`${name}: who is told to wait hears when nothing waits any more, and not within the write`, async () => {
    await using pair = await connectPair(open);
    const received = collect(pair.far);
    const events = new EventEmitter();
    let isWriting = false;
    pair.near.onDrain(() => events.emit('drained', isWriting, pair.near.pendingBytes));
    let sent = 0;
    let waits = 0;
    for (const bytes of [1, 1_048_576, 1, 9_000, 1_048_576]) {
      const drained = once(events, 'drained');
      isWriting = true;
      const mayGoOn = pair.near.write(Buffer.alloc(bytes));
      isWriting = false;
      sent += bytes;
      if (mayGoOn) continue;
      waits += 1;
      assert.deepEqual(await drained, [false, 0]);
    }
    assert(waits >= 2);
    assert.equal((await received.until(sent)).length, sent);
  });

  test(`${name}: who is not told to wait has little that waits`, async () => {
    await using pair = await connectPair(open);
    // Nobody reads.
    while (pair.near.write(Buffer.alloc(100)));
    assert(pair.near.pendingBytes < 65_536);
    collect(pair.far);
    await new Promise<void>((resolve) => {
      pair.near.onDrain(resolve);
    });
  });

  test(`${name}: nothing is delivered within the turn that wrote it`, async () => {
    await using pair = await connectPair(open);
    let arrived = false;
    pair.far.onData(() => {
      arrived = true;
    });
    pair.near.write(Buffer.from('x'));
    assert.equal(arrived, false);
  });

  test(`${name}: end lets what was written arrive, then both sides close once`, async () => {
    await using pair = await connectPair(open);
    const received = collect(pair.far);
    const both = Promise.all([closed(pair.near), closed(pair.far)]);
    pair.near.write(Buffer.from('last words'));
    pair.near.end();
    pair.near.write(Buffer.from('too late'));
    await both;
    assert.equal((await received.until(10)).toString(), 'last words');
  });

  test(`${name}: destroy closes both sides, and destroying again is harmless`, async () => {
    await using pair = await connectPair(open);
    pair.near.onData(() => undefined);
    pair.far.onData(() => undefined);
    const both = Promise.all([closed(pair.near), closed(pair.far)]);
    pair.far.destroy();
    pair.far.destroy();
    await both;
    pair.near.write(Buffer.from('to nobody'));
    pair.near.end();
  });

  test(`${name}: a closed listener accepts nobody, and open connections go on`, async () => {
    await using pair = await connectPair(open);
    const received = collect(pair.far);
    await pair.listener.close();
    await pair.listener.close();
    await assert.rejects(pair.transport.connect(pair.address, connectMs), (error) =>
      isTuttiError(error, 'CONNECTION_REFUSED'),
    );
    pair.near.write(Buffer.from('still here'));
    assert.equal((await received.until(10)).toString(), 'still here');
  });

  test(`${name}: who listens later takes the address over, also after the first has closed`, async () => {
    await using pair = await connectPair(open);
    const accepted = Promise.withResolvers<Connection>();
    const second = await pair.transport.listen(pair.address, accepted.resolve);
    await pair.listener.close();
    const connection = await pair.transport.connect(pair.address, connectMs);
    const far = await accepted.promise;
    connection.destroy();
    far.destroy();
    await second.close();
  });

  test(`${name}: nobody at an address is CONNECTION_REFUSED`, async () => {
    const opened = await open();
    await assert.rejects(opened.transport.connect(opened.address(), connectMs), (error) =>
      isTuttiError(error, 'CONNECTION_REFUSED'),
    );
    await opened.close();
  });
}
