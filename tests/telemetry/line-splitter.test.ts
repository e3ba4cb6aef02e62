import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { continuedMark, LineSplitter } from '../../src/telemetry/line-splitter.ts';
import type { SplitLine } from '../../src/telemetry/line-splitter.ts';

const texts = (lines: readonly SplitLine[]): string[] => lines.map(({ text }) => text);

/** The bytes in pieces, then the end. */
function split(
  bytes: Buffer,
  { limit = 10_000, piece = bytes.length }: { limit?: number; piece?: number } = {},
): string[] {
  const splitter = new LineSplitter(limit);
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += Math.max(1, piece))
    lines.push(...texts(splitter.push(bytes.subarray(at, at + Math.max(1, piece)))));
  return [...lines, ...texts(splitter.end())];
}

test('lines end with LF or CRLF, and last words need no end', () => {
  assert.deepEqual(split(Buffer.from('a\r\n\nb c\nlast words')), ['a', '', 'b c', 'last words']);
  assert.deepEqual(split(Buffer.from('a\n')), ['a']);
});

test('the end is told once', () => {
  const splitter = new LineSplitter(100);
  splitter.push(Buffer.from('half'));
  assert.deepEqual([texts(splitter.end()), splitter.end()], [['half'], []]);
  assert.deepEqual(texts(splitter.push(Buffer.from('next\n'))), ['next']);
});

test('it does not matter where the bytes were cut', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.integer({ min: 1, max: 9 }), (text, piece) => {
      const bytes = Buffer.from(text.replaceAll('\r', ''));
      assert.deepEqual(split(bytes, { piece }), split(bytes));
      assert.equal(split(bytes, { piece }).join('\n'), bytes.toString().replace(/\n$/, ''));
    }),
  );
});

test('a line over the limit is cut and marked on both sides, and nothing of it is lost', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 1_000 }), fc.integer({ min: 1, max: 400 }), (length, piece) => {
      const lines = split(Buffer.from(`${'x'.repeat(length)}\n`), { limit: 64, piece });
      assert.equal(lines.join('').replaceAll(continuedMark, ''), 'x'.repeat(length));
      for (const [index, line] of lines.entries()) {
        assert.ok(line.length <= 66);
        assert.equal(line.startsWith(continuedMark), index > 0);
        assert.equal(line.endsWith(continuedMark), index < lines.length - 1);
      }
    }),
  );
});

test('bytes that are no UTF-8 are shown as such', () => {
  assert.deepEqual(split(Buffer.from([0x61, 0xff, 0x62, 0x0a, 0xc3])), ['a\ufffdb', '\ufffd']);
});

test('every line says where it ends, so that who begins there again finds exactly what was left', () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 40 })),
      fc.integer({ min: 1, max: 9 }),
      fc.nat(),
      (lines, piece, stop) => {
        const bytes = Buffer.from(lines.flatMap((line) => [...line, 0x0a]));
        const first = new LineSplitter(16);
        const found: SplitLine[] = [];
        for (let at = 0; at < bytes.length; at += piece)
          found.push(...first.push(bytes.subarray(at, at + piece)));
        const given = found.slice(0, stop % (found.length + 1));
        const begin = given.at(-1)?.end ?? 0;
        const isWithin = given.at(-1)?.text.endsWith(continuedMark) === true;
        const again = new LineSplitter(16).push(bytes.subarray(begin), begin);
        // The second half of a line that was cut is whole to who begins there.
        const rest = found.slice(given.length);
        assert.deepEqual(
          again.map(({ end }) => end),
          rest.map(({ end }) => end),
        );
        if (!isWithin) assert.deepEqual(again, rest);
        assert.equal(found.at(-1)?.end ?? 0, bytes.length);
      },
    ),
  );
});

test('a line that is too long is not cut inside a character', () => {
  const text = 'äöü€😀'.repeat(50);
  assert.equal(split(Buffer.from(text), { limit: 10 }).join('').replaceAll(continuedMark, ''), text);
});

test('100 MB without an end cost no more than their limit', () => {
  const splitter = new LineSplitter(65_536);
  const piece = Buffer.alloc(1_048_576, 'x');
  let longest = 0;
  for (let index = 0; index < 100; index += 1)
    for (const line of splitter.push(piece)) longest = Math.max(longest, line.text.length);
  assert.ok(longest <= 65_538);
});
