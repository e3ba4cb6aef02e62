import assert from 'node:assert/strict';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { test } from 'node:test';
import { FrameReader } from '../../src/mesh/frame-reader.ts';
import { frameKinds, makeFrame } from '../../src/mesh/frames.ts';
import { Link } from '../../src/mesh/link.ts';
import type { Connection } from '../../src/mesh/transport/transport.ts';
import { giveBack, takeWriteBuffer } from '../../src/mesh/write-buffers.ts';

interface Written {
  readonly link: Link;
  /** The stream numbers of the frames in each write. */
  readonly writes: number[][];
  /** From now on a write is in hand until `drain`. */
  readonly slow: () => void;
  /** All that was written is with the operating system. */
  readonly drain: () => void;
}

function writtenBy(): Written {
  const writes: number[][] = [];
  let isSlow = false;
  let pendingBytes = 0;
  let drained: (() => void) | undefined;
  const connection: Connection = {
    write: (bytes) => {
      const streams: number[] = [];
      new FrameReader(bytes.length, ({ stream }) => streams.push(stream)).push(Buffer.from(bytes));
      writes.push(streams);
      if (isSlow) pendingBytes += bytes.length;
      return !isSlow;
    },
    get pendingBytes() {
      return pendingBytes;
    },
    onData: () => undefined,
    onDrain: (next) => {
      drained = next;
    },
    onClose: () => undefined,
    end: () => undefined,
    destroy: () => undefined,
  };
  return {
    link: new Link(connection, 1_024, { onFrame: () => undefined, onClose: () => undefined }),
    writes,
    slow: () => {
      isSlow = true;
    },
    drain: () => {
      pendingBytes = 0;
      drained?.();
    },
  };
}

const numbers = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_none, index) => from + index);

const sendAll = (link: Link, streams: number[]): void => {
  for (const stream of streams) assert(link.send(makeFrame(frameKinds.request, stream, { body: '{}' })));
};

test('frames of a turn and of its promise jobs leave in one write', async () => {
  const { link, writes } = writtenBy();
  sendAll(link, [1]);
  await Promise.resolve().then(() => {
    sendAll(link, [2]);
  });
  assert.deepEqual(writes, []);
  await nextTurn();
  assert.deepEqual(writes, [[1, 2]]);
});

test('of many the first few go at once, so that the other side begins, and the rest in larger writes, in order', async () => {
  const { link, writes } = writtenBy();
  for (const from of [1, 101]) {
    sendAll(link, numbers(from, from + 69));
    await nextTurn();
  }
  const lengths = (all: number[][]): number[] => all.map(({ length }) => length);
  assert.deepEqual(lengths(writes), [3, 32, 32, 3, 3, 32, 32, 3]);
  assert.deepEqual(writes.flat(), [...numbers(1, 70), ...numbers(101, 170)]);
});

test('a word, and all behind it, leaves at the end of the turn: what it says is so by then', async () => {
  const { link, writes } = writtenBy();
  sendAll(link, numbers(1, 6));
  link.say(makeFrame(frameKinds.credit, 7, { body: Buffer.alloc(4) }));
  sendAll(link, numbers(8, 60));
  assert.deepEqual(writes, [[1, 2, 3]]);
  await nextTurn();
  assert.deepEqual(writes.slice(1), [numbers(4, 60)]);
  sendAll(link, numbers(1, 6));
  assert.equal(writes.length, 3, 'a turn without one is as before');
});

/** One round of the event loop with so many turns that send. */
async function round(link: Link, turns: number): Promise<void> {
  for (let turn = 0; turn < turns; turn += 1)
    setImmediate(() => {
      sendAll(link, [turn]);
    });
  await nextTurn();
}

/** So many rounds, each with its end. */
async function rounds(link: Link, count: number, turns: number): Promise<void> {
  for (let done = 0; done < count; done += 1) {
    await round(link, turns);
    await nextTurn();
  }
}

test('where rounds of the event loop have many turns that send, each round is one write', async () => {
  const { link, writes } = writtenBy();
  await rounds(link, 30, 2);
  const lengths = writes.map(({ length }) => length);
  assert.deepEqual(
    lengths.slice(0, 16),
    numbers(1, 16).map(() => 1),
    'nobody has looked',
  );
  assert.deepEqual(
    lengths.slice(16),
    numbers(9, 30).map(() => 2),
  );
  assert.deepEqual(writes.at(-1), [0, 1]);
});

test('what is alone in its round leaves at the end of its turn again', async () => {
  const { link, writes } = writtenBy();
  await rounds(link, 10, 4);
  const written: number[] = [];
  for (let count = 0; count < 40; count += 1) {
    writes.length = 0;
    await round(link, 1);
    written.push(writes.length);
    await nextTurn();
    assert.deepEqual(writes, [[0]]);
  }
  // Four that were waited for, then one in seventeen.
  const waited = written.flatMap((count, index) => (count === 0 ? [index] : []));
  assert.deepEqual(waited, [0, 1, 2, 3, 20, 37]);
});

test('a word, and all behind it, leaves at the end of the round where that is waited for', async () => {
  const { link, writes } = writtenBy();
  await rounds(link, 10, 2);
  writes.length = 0;
  setImmediate(() => {
    link.say(makeFrame(frameKinds.credit, 7, { body: Buffer.alloc(4) }));
  });
  setImmediate(() => {
    sendAll(link, numbers(8, 60));
  });
  await nextTurn();
  assert.deepEqual(writes, []);
  await nextTurn();
  assert.deepEqual(writes, [numbers(7, 60)]);
});

test('what waits for the end of its round leaves before the link ends', async () => {
  const { link, writes } = writtenBy();
  await rounds(link, 10, 2);
  writes.length = 0;
  await round(link, 1);
  link.end();
  assert.deepEqual(writes, [[0]]);
  await nextTurn();
  assert.deepEqual(writes, [[0]]);
});

const large = (stream: number): ReturnType<typeof makeFrame> =>
  makeFrame(frameKinds.request, stream, { body: 'x'.repeat(30_000) });

test('one write at a time: what comes meanwhile waits here, and leaves together behind it', async () => {
  const { link, writes, slow, drain } = writtenBy();
  slow();
  sendAll(link, numbers(1, 40));
  await nextTurn();
  sendAll(link, numbers(41, 60));
  await nextTurn();
  assert.deepEqual(writes, [[1, 2, 3]]);
  drain();
  assert.deepEqual(writes.slice(1), [numbers(4, 60)]);
  drain();
  assert.equal(writes.length, 2);
  assert.equal(link.waitingBytes, 0);
});

test('a write is as large as its buffer, or one frame', async () => {
  const { link, writes, slow, drain } = writtenBy();
  slow();
  for (const stream of numbers(1, 5)) link.send(large(stream));
  link.send(makeFrame(frameKinds.request, 6, { body: 'x'.repeat(100_000) }));
  link.send(large(7));
  await nextTurn();
  for (let round = 0; round < 5; round += 1) drain();
  assert.deepEqual(writes, [[1, 2], [3, 4], [5], [6], [7]]);
});

test('what waits behind a write leaves before the end', async () => {
  const { link, writes, slow } = writtenBy();
  slow();
  for (const stream of numbers(1, 9)) link.send(large(stream));
  await nextTurn();
  assert.deepEqual(writes.flat(), [1, 2]);
  link.end();
  assert.deepEqual(writes.flat(), numbers(1, 9));
});

test('a word leaves with its turn, also when a write ends within that', async () => {
  const { link, writes, slow, drain } = writtenBy();
  slow();
  sendAll(link, numbers(1, 40));
  link.say(makeFrame(frameKinds.credit, 41, { body: Buffer.alloc(4) }));
  drain();
  assert.deepEqual(writes, [[1, 2, 3]]);
  await nextTurn();
  assert.deepEqual(writes.slice(1), [numbers(4, 41)]);
});

test('who waits for room is told when a write has left room, and not before', async () => {
  const { link, slow, drain } = writtenBy();
  slow();
  for (const stream of numbers(1, 40)) link.send(large(stream));
  await nextTurn();
  let told = 0;
  link.whenRoom(() => (told += 1));
  const seen: [number, boolean][] = [];
  while (told === 0) {
    drain();
    seen.push([told, link.hasRoom]);
  }
  assert.deepEqual(seen.at(-1), [1, true]);
  assert(seen.length > 2);
  assert(seen.slice(0, -1).every(([count, hasRoom]) => count === 0 && !hasRoom));
});

test('buffers to write from are used again, a few of them', () => {
  const first = Array.from({ length: 20 }, takeWriteBuffer);
  for (const buffer of first) giveBack(buffer);
  const second = Array.from({ length: 20 }, takeWriteBuffer);
  assert.equal(new Set(second).size, 20);
  assert.equal(second.filter((buffer) => first.includes(buffer)).length, 8);
});
