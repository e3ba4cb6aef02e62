import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, connect, type Socket } from 'node:net';
import { test } from 'node:test';
import fastCheck from 'fast-check';
import { bounds } from '../../src/core/bounds.ts';
import { encodeFrame, JsonFrameSocket, makeFrameDecoder } from '../../src/os/json-frames.ts';
import { TemporaryFolder } from './temporary-folder.ts';

const maxBytes = 1_024 * 1_024;

function raw(text: string | Buffer): Buffer {
  const body = Buffer.from(text);
  const head = Buffer.alloc(4);
  head.writeUInt32BE(body.length);
  return Buffer.concat([head, body]);
}

test('frames come out as they went in, wherever the stream is cut', () => {
  const values = fastCheck.array(fastCheck.object({ maxDepth: 3 }), { maxLength: 5 });
  const property = fastCheck.property(values, fastCheck.integer({ min: 1, max: 50 }), (sent, size) => {
    const decoder = makeFrameDecoder(maxBytes);
    const got: object[] = [];
    const stream = Buffer.concat(sent.map(encodeFrame));
    for (let at = 0; at < stream.length; at += size) {
      const { frames, problem } = decoder.push(stream.subarray(at, at + size));
      assert.equal(problem, undefined);
      got.push(...frames);
    }
    assert.deepEqual(
      got,
      sent.map((value) => JSON.parse(JSON.stringify(value)) as object),
    );
  });
  fastCheck.assert(property, { numRuns: 300 });
});

test('20,000 streams of anything are frames or a problem, and never a throw', () => {
  const bytes = fastCheck.uint8Array({ maxLength: 64 });
  const framed = bytes.map((body) => raw(Buffer.from(body)));
  const text = fastCheck.string().map(raw);
  const chunks = fastCheck.array(fastCheck.oneof(bytes, framed, text), { maxLength: 4 });
  const property = fastCheck.property(chunks, (pieces) => {
    const decoder = makeFrameDecoder(100);
    let stopped = false;
    for (const piece of pieces) {
      const { frames, problem } = decoder.push(Buffer.from(piece));
      assert.ok(frames.every((frame) => typeof frame === 'object' && !Array.isArray(frame)));
      if (stopped) assert.deepEqual(frames, []);
      stopped ||= problem !== undefined;
    }
  });
  fastCheck.assert(property, { numRuns: 20_000 });
});

const refused: readonly (readonly [string, Buffer, RegExp])[] = [
  ['a length of 0', raw(''), /0 bytes/],
  ['a length over the bound', Buffer.from('00100001', 'hex'), /1048577 bytes/],
  ['a length of 2^32 - 1', Buffer.from('ffffffff', 'hex'), /4294967295 bytes/],
  ['bad JSON', raw('{"a":'), /not JSON/],
  ['null', raw('null'), /not an object/],
  ['a number', raw('5'), /not an object/],
  ['an array', raw('[]'), /not an object/],
  ['bytes that are not UTF-8', raw(Buffer.from('7b2261223a22ff227d', 'hex')), /not UTF-8/],
  ['200,000 nested arrays', raw(`{"a":${'['.repeat(200_000)}${']'.repeat(200_000)}}`), /nested too deep/],
];

for (const [what, bytes, reason] of refused) {
  test(`${what} is a problem, and what follows is not looked at (N-30)`, () => {
    const decoder = makeFrameDecoder(maxBytes);
    const first = decoder.push(Buffer.concat([encodeFrame({ ok: 1 }), bytes, encodeFrame({ late: 1 })]));
    assert.deepEqual(first.frames, [{ ok: 1 }]);
    assert.match(first.problem ?? '', reason);
    assert.deepEqual(decoder.push(encodeFrame({ late: 1 })).frames, []);
  });
}

test('brackets inside texts are no depth', () => {
  const value = { text: `"${'[{'.repeat(100)}\\` };
  assert.deepEqual(makeFrameDecoder(maxBytes).push(encodeFrame(value)).frames, [value]);
});

test('a frame of 1 MiB in single bytes takes linear time and little memory', () => {
  const decoder = makeFrameDecoder(maxBytes);
  const stream = raw(JSON.stringify({ text: 'x'.repeat(maxBytes - 20) }));
  const before = process.memoryUsage().arrayBuffers;
  let most = 0;
  let frames = 0;
  for (let at = 0; at < stream.length; at++) {
    frames += decoder.push(stream.subarray(at, at + 1)).frames.length;
    if (at % 65_536 === 0) most = Math.max(most, process.memoryUsage().arrayBuffers - before);
  }
  assert.equal(frames, 1);
  assert.ok(most < 4 * maxBytes, `${String(most)} bytes`);
});

async function pair(folder: TemporaryFolder): Promise<{ near: Socket; far: Socket } & AsyncDisposable> {
  const server = createServer().listen(folder.file('socket'));
  const far = connect(folder.file('socket'));
  const [near] = (await once(server, 'connection')) as [Socket];
  const close = (): Promise<void> => {
    near.destroy();
    far.destroy();
    server.close();
    return Promise.resolve();
  };
  return { near, far, [Symbol.asyncDispose]: close };
}

test('a frame that its reader refuses by a throw closes the connection with the reason', async () => {
  using folder = new TemporaryFolder();
  await using sockets = await pair(folder);
  const closed = Promise.withResolvers<string>();
  const onFrame = (): never => {
    throw new Error('not for me');
  };
  const receiver = new JsonFrameSocket(sockets.near, { maxBytes, onFrame, onClose: closed.resolve });
  sockets.far.on('error', () => undefined).write(encodeFrame({}));
  assert.equal(await closed.promise, 'not for me');
  assert.equal(receiver.closed, true);
  assert.equal(receiver.send({}), false);
});

test('bad bytes close one connection, and its owner hears why', async () => {
  using folder = new TemporaryFolder();
  await using sockets = await pair(folder);
  const closed = Promise.withResolvers<string>();
  new JsonFrameSocket(sockets.near, { maxBytes, onFrame: () => undefined, onClose: closed.resolve });
  sockets.far.on('error', () => undefined).write('GET / HTTP/1.1\r\n\r\n');
  assert.match(await closed.promise, /a frame of \d+ bytes/);
});

test('what waits for one that does not read is bounded, and everything taken arrives', async () => {
  using folder = new TemporaryFolder();
  await using sockets = await pair(folder);
  const sender = new JsonFrameSocket(sockets.near, {
    maxBytes,
    onFrame: () => undefined,
    onClose: () => undefined,
  });
  const text = 'x'.repeat(100_000);
  let taken = 0;
  while (sender.send({ text })) taken++;
  assert.ok(sockets.near.writableLength < bounds.outgoingBytes + maxBytes);
  const all = Promise.withResolvers<undefined>();
  let arrived = 0;
  new JsonFrameSocket(sockets.far, {
    maxBytes,
    onFrame: () => {
      if (++arrived === taken) all.resolve(undefined);
    },
    onClose: () => undefined,
  });
  await all.promise;
  assert.equal(sender.send({ text: 'x'.repeat(maxBytes) }), false);
  assert.equal(sender.send({}), true);
});

test('end lets leave what was sent', async () => {
  using folder = new TemporaryFolder();
  await using sockets = await pair(folder);
  const got: unknown[] = [];
  const closed = Promise.withResolvers<string>();
  new JsonFrameSocket(sockets.far, {
    maxBytes,
    onFrame: (frame) => got.push(frame),
    onClose: closed.resolve,
  });
  const sender = new JsonFrameSocket(sockets.near, {
    maxBytes,
    onFrame: () => undefined,
    onClose: () => undefined,
  });
  sender.send({ last: 'words' });
  sender.end();
  assert.equal(await closed.promise, 'the other side closed');
  assert.deepEqual(got, [{ last: 'words' }]);
});
