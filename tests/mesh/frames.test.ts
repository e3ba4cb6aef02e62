import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { bounds } from '../../src/core/bounds.ts';
import { parseBody } from '../../src/mesh/body.ts';
import { FrameReader } from '../../src/mesh/frame-reader.ts';
import {
  headBytes,
  makeFrame,
  readBodyBytes,
  readBodyText,
  readEnvelopeText,
  readSpanId,
  readTraceId,
  writeFrame,
} from '../../src/mesh/frames.ts';
import type { FrameKind, FrameParts, OutgoingFrame } from '../../src/mesh/frames.ts';
import { hasCode } from './mesh-world.ts';

interface Vector {
  readonly title: string;
  readonly frame: Omit<FrameParts, 'deadline' | 'trace'> & {
    kind: FrameKind;
    stream: number;
    bytes?: string;
    deadline?: number | 'Infinity';
    trace?: string;
  };
  readonly bytes: Buffer;
}

function readVectors(): Vector[] {
  const page = readFileSync(new URL('../../docs/reference/protocol.md', import.meta.url), 'utf8');
  const found = page.matchAll(/^### (.+)\n\n```json\n([^`]+)\n```\n\n```hex\n([^`]+)```/gm);
  return [...found].map(([, title = '', json = '', hex = '']) => ({
    title,
    frame: JSON.parse(json) as Vector['frame'],
    bytes: Buffer.from(hex.replace(/\s/g, ''), 'hex'),
  }));
}

const bytesOf = (frame: OutgoingFrame): Buffer => {
  const bytes = Buffer.alloc(frame.bytes, 0xaa);
  assert.equal(writeFrame(bytes, 0, frame), bytes.length);
  return bytes;
};

/** What a receiver sees, as plain data that outlives the read. */
function read(chunks: Iterable<Buffer>): unknown[] {
  const seen: unknown[] = [];
  const reader = new FrameReader(bounds.frameBytes, (frame) => {
    const { kind, flags, stream, action, load, deadline } = frame;
    const body = (flags & 1) === 0 ? readBodyText(frame) : readBodyBytes(frame).toString('hex');
    const [envelope, trace] = [readEnvelopeText(frame), readTraceId(frame) + readSpanId(frame)];
    seen.push({ kind, flags, stream, action, load, deadline, trace, envelope, body });
  });
  for (const chunk of chunks) reader.push(chunk);
  return seen;
}

test('the vectors of the protocol page are written and read as they stand there', () => {
  const vectors = readVectors();
  assert.ok(vectors.length >= 10);
  for (const { title, frame, bytes } of vectors) {
    const { kind, stream, bytes: hex, deadline, trace = '0'.repeat(48), ...parts } = frame;
    const made = makeFrame(kind, stream, {
      ...parts,
      trace: { traceId: trace.slice(0, 32), spanId: trace.slice(32) },
      ...(hex === undefined ? undefined : { body: Buffer.from(hex, 'hex') }),
      ...(deadline === undefined ? undefined : { deadline: deadline === 'Infinity' ? Infinity : deadline }),
    });
    assert.equal(bytesOf(made).toString('hex'), bytes.toString('hex'), title);
    const { body, envelope } = made;
    const text = typeof body === 'string' ? body : Buffer.from(body).toString('hex');
    const { flags, action, load } = made;
    assert.deepEqual(read([bytes]), [
      { kind, flags, stream, action, load, deadline: made.deadline, trace, envelope, body: text },
    ]);
  }
});

test('a stream of frames split at every byte reads the same', () => {
  const all = Buffer.concat(readVectors().map(({ bytes }) => bytes));
  const whole = read([all]);
  for (let at = 0; at <= all.length; at += 1)
    assert.deepEqual(read([all.subarray(0, at), all.subarray(at)]), whole);
  assert.deepEqual(read(Array.from(all, (byte) => Buffer.from([byte]))), whole);
});

test('whatever is written is read back, in whatever chunks', () => {
  const frames = fc.array(
    fc.record({
      kind: fc.constantFrom(3, 4, 5, 6),
      stream: fc.nat(0xffff_ffff),
      action: fc.nat(0xffff),
      load: fc.nat(0xffff),
      deadline: fc.double({ noNaN: true }),
      envelope: fc.constantFrom('', '{}', '{"requestId":"ü"}'),
      body: fc.oneof(fc.string({ unit: 'binary' }), fc.uint8Array()),
    }),
    { maxLength: 6 },
  );
  fc.assert(
    fc.property(frames, fc.array(fc.integer({ min: 1, max: 90 })), (parts, sizes) => {
      const made = parts.map(({ kind, stream, ...rest }) => makeFrame(kind, stream, rest));
      const all = Buffer.concat(made.map(bytesOf));
      const chunks: Buffer[] = [];
      let at = 0;
      for (const size of sizes) chunks.push(all.subarray(at, (at += size)));
      chunks.push(all.subarray(at));
      const expected = parts.map(({ body, ...rest }) => ({
        ...rest,
        body: typeof body === 'string' ? Buffer.from(body).toString() : Buffer.from(body).toString('hex'),
      }));
      const seen = read(chunks) as Record<string, unknown>[];
      assert.deepEqual(
        seen.map(({ flags: _flags, trace: _trace, ...rest }) => rest),
        expected,
      );
    }),
  );
});

test('a trace that is not hexadecimal lets no old memory out', () => {
  const bytes = bytesOf(makeFrame(3, 1, { trace: { traceId: 'zz', spanId: 'yy' } }));
  assert.ok(bytes.subarray(24, headBytes).every((byte) => byte === 0));
});

test('N-61 a length, kind, flag, deadline or envelope that cannot be is refused', () => {
  const good = bytesOf(makeFrame(3, 1, { envelope: '{}', body: '{}' }));
  const broken = (change: (bytes: Buffer) => void): Buffer => {
    const bytes = Buffer.from(good);
    change(bytes);
    return bytes;
  };
  const lengths = [0, 1, 43, bounds.frameBytes - 3, 2 ** 31, 2 ** 32 - 1];
  const cases = [
    ...lengths.map((length) => broken((bytes) => bytes.writeUInt32LE(length, 0))),
    ...[0, 16, 255].map((kind) => broken((bytes) => (bytes[4] = kind))),
    broken((bytes) => (bytes[5] = 128)),
    broken((bytes) => bytes.writeDoubleLE(NaN, 16)),
    ...[3_000, 2 ** 31, 2 ** 32 - 1].map((length) =>
      broken((bytes) => bytes.writeUInt32LE(length, headBytes)),
    ),
  ];
  for (const bytes of cases)
    assert.throws(() => read([bytes]), hasCode('PROTOCOL_ERROR'), bytes.toString('hex'));
  const cutEnvelope = bytesOf(makeFrame(3, 1));
  cutEnvelope[5] = 2;
  assert.throws(() => read([cutEnvelope]), hasCode('PROTOCOL_ERROR'));
});

test('N-61 a promised length allocates nothing, and what drips in is held in at most twice its size', () => {
  const reader = new FrameReader(bounds.frameBytes, () => undefined);
  const head = Buffer.alloc(4);
  head.writeUInt32LE(bounds.frameBytes - 4, 0);
  const before = process.memoryUsage().arrayBuffers;
  const readers = Array.from({ length: 100 }, () => new FrameReader(bounds.frameBytes, () => undefined));
  for (const each of readers) each.push(head);
  assert.ok(process.memoryUsage().arrayBuffers - before < 4_194_304);
  reader.push(head);
  const piece = Buffer.alloc(1_000);
  for (let bytes = 0; bytes < 1_000_000; bytes += piece.length) reader.push(piece);
  assert.ok(process.memoryUsage().arrayBuffers - before < 8_388_608);
});

test('memory for a frame that comes in pieces is used again; that of a large one is not kept', () => {
  const memory: ArrayBufferLike[] = [];
  const reader = new FrameReader(bounds.frameBytes, ({ bytes }) => memory.push(bytes.buffer));
  for (const bodyBytes of [10_000, 10_000, 100_000, 10_000]) {
    const frame = makeFrame(3, 1, { body: 'x'.repeat(bodyBytes) });
    const bytes = Buffer.alloc(frame.bytes);
    writeFrame(bytes, 0, frame);
    for (const half of [bytes.subarray(0, 5_000), bytes.subarray(5_000)]) reader.push(half);
  }
  const [first, second, large, last] = memory;
  assert.equal(second, first);
  assert.ok(large !== undefined && large.byteLength > 100_000);
  assert.notEqual(last, large);
});

test('N-61 20,000 random and mutated inputs are frames or refused, never anything else', () => {
  const vectors = readVectors().map(({ bytes }) => bytes);
  // A generator of its own, so that a failure can be repeated.
  let state = 42;
  const draw = (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  let refused = 0;
  for (let round = 0; round < 20_000; round += 1) {
    const base = vectors[draw(vectors.length)] ?? Buffer.alloc(0);
    const bytes =
      round % 4 === 0 ? Buffer.from(Array.from({ length: draw(120) }, () => draw(256))) : Buffer.from(base);
    for (let change = draw(4); change > 0 && bytes.length > 0; change -= 1)
      bytes[draw(bytes.length)] = draw(256);
    const cut = draw(bytes.length + 1);
    try {
      for (const frame of read([bytes.subarray(0, cut), bytes.subarray(cut)]))
        parseBody((frame as { body: string }).body);
    } catch (error) {
      assert.ok(hasCode('PROTOCOL_ERROR')(error) || hasCode('INVALID_INPUT')(error), String(error));
      refused += 1;
    }
  }
  assert.ok(refused > 1_000 && refused < 19_000);
});

test('N-49 a body that names __proto__ is refused, however it is spelt, and one that only mentions it is not', () => {
  const refused = [
    '{"__proto__":{"isAdmin":true}}',
    '{"a":[{"b":{"__proto__":1}}]}',
    '{"\\u005f_proto__":{"isAdmin":true}}',
    '{"__pr\\u006Fto__":1}',
  ];
  for (const text of refused) assert.throws(() => parseBody(text), hasCode('INVALID_INPUT'), text);
  assert.deepEqual(parseBody('{"a":"__proto__","b":"\\u0007"}'), { a: '__proto__', b: '\u0007' });
  assert.equal(({} as Record<string, unknown>)['isAdmin'], undefined);
});

test('N-61 a body nested deeper than anybody can write is refused, brackets inside of text do not count', () => {
  for (const [open, close] of [
    ['[', ']'],
    ['{"a":', '}'],
  ] as const) {
    const text = `${open.repeat(200_000)}0${close.repeat(200_000)}`;
    assert.throws(() => parseBody(text), hasCode('PROTOCOL_ERROR'));
  }
  const many = JSON.stringify(Array.from({ length: 20_000 }, () => ({})));
  assert.equal((parseBody(many) as unknown[]).length, 20_000);
  const text = `"${'['.repeat(50_000)}\\"{"`;
  assert.equal(parseBody(text), `${'['.repeat(50_000)}"{`);
  for (const broken of ['{', 'nope', '{"a":}', '\u0000'])
    assert.throws(() => parseBody(broken), hasCode('PROTOCOL_ERROR'));
});
