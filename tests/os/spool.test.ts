import assert from 'node:assert/strict';
import {
  appendFileSync,
  closeSync,
  readFileSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { test } from 'node:test';
import { bounds } from '../../src/core/bounds.ts';
import { openSpool, SpoolReader } from '../../src/os/spool.ts';
import { TemporaryFolder } from './temporary-folder.ts';

const MiB = 1_024 * 1_024;

function readToEnd(reader: SpoolReader): { bytes: Buffer; lost: number; pieces: number } {
  const parts: Buffer[] = [];
  let lost = 0;
  for (;;) {
    lost += reader.release(reader.offset);
    const piece = reader.read();
    lost += piece.lost;
    if (piece.bytes.length === 0) return { bytes: Buffer.concat(parts), lost, pieces: parts.length };
    parts.push(Buffer.from(piece.bytes));
  }
}

test('what is written is read once, binary and without an end of line too', () => {
  using folder = new TemporaryFolder();
  const fd = openSpool(folder.file('out'));
  const reader = new SpoolReader(folder.file('out'), 0);
  const binary = Buffer.from(Array.from({ length: 1_000 }, (_, index) => index % 256));
  assert.equal(reader.read().bytes.length, 0);
  writeSync(fd, binary);
  assert.deepEqual(reader.read().bytes, binary);
  writeSync(fd, 'no end');
  assert.deepEqual(readToEnd(reader).bytes.toString(), 'no end');
  assert.equal(statSync(folder.file('out')).mode & 0o777, 0o600);
  closeSync(fd);
  reader.close();
});

test('a successor goes on where the last one stood', () => {
  using folder = new TemporaryFolder();
  writeFileSync(folder.file('out'), 'one two');
  const first = new SpoolReader(folder.file('out'), 4);
  const { bytes, offset } = first.read();
  assert.equal(bytes.toString(), 'two');
  first.close();
  appendFileSync(folder.file('out'), ' three');
  const second = new SpoolReader(folder.file('out'), offset);
  assert.equal(second.read().bytes.toString(), ' three');
  second.close();
  const third = new SpoolReader(folder.file('out'), 1_000);
  assert.equal(third.read().bytes.toString(), 'one two three');
  third.close();
});

test(
  'a piece is bounded, and what was read is given back to the disk',
  { skip: process.platform !== 'linux' },
  () => {
    using folder = new TemporaryFolder();
    const content = Buffer.alloc(8 * MiB, 'line of text\n');
    writeFileSync(folder.file('out'), content, { mode: 0o600 });
    const reader = new SpoolReader(folder.file('out'), 0);
    const { bytes, lost, pieces } = readToEnd(reader);
    assert.deepEqual([bytes.equals(content), lost, pieces], [true, 0, 128]);
    const { size, blocks } = statSync(folder.file('out'));
    assert.equal(size, content.length);
    assert.ok(blocks * 512 <= 2 * MiB, `${String(blocks * 512)} bytes are still held`);
    reader.close();
  },
);

test(
  'what was read and is not released stays, and of what is released not a page is kept',
  { skip: process.platform !== 'linux' },
  () => {
    using folder = new TemporaryFolder();
    writeFileSync(folder.file('out'), Buffer.alloc(16 * MiB, 'line of text\n'), { mode: 0o600 });
    const reader = new SpoolReader(folder.file('out'), 0);
    while (reader.read().bytes.length > 0);
    const held = (): number => statSync(folder.file('out')).blocks * 512;
    assert.ok(held() >= 16 * MiB);
    for (let n = 1; n <= 15; n += 1) reader.release(n * (MiB + 1));
    assert.ok(held() <= MiB + 2 * 4_096, `${String(held())} bytes are still held`);
    reader.close();
  },
);

test(
  'the end of a hole is asked for: one of a terabyte is not read',
  { skip: process.platform !== 'linux', timeout: 20_000 },
  () => {
    using folder = new TemporaryFolder();
    writeFileSync(folder.file('out'), '');
    truncateSync(folder.file('out'), 1_024 * 1_024 * MiB);
    appendFileSync(folder.file('out'), 'after it');
    const reader = new SpoolReader(folder.file('out'), 0);
    assert.equal(reader.read().bytes.toString(), 'after it');
    reader.close();
  },
);

test(
  'a successor that knows an old offset does not read the hole as text',
  { skip: process.platform !== 'linux' },
  () => {
    using folder = new TemporaryFolder();
    writeFileSync(folder.file('out'), Buffer.alloc(3 * MiB, 'line of text\n'), { mode: 0o600 });
    const first = new SpoolReader(folder.file('out'), 0);
    readToEnd(first);
    first.close();
    appendFileSync(folder.file('out'), 'new');
    const second = new SpoolReader(folder.file('out'), 1_000);
    const { bytes } = readToEnd(second);
    assert.equal(bytes.includes(0), false);
    assert.match(bytes.toString(), /new$/);
    assert.ok(bytes.length < 2 * MiB);
    second.close();
  },
);

test('beyond the bound the oldest is cut and counted', () => {
  using folder = new TemporaryFolder();
  writeFileSync(folder.file('out'), 'begin');
  const size = bounds.spoolBytes + 3 * MiB;
  truncateSync(folder.file('out'), size);
  appendFileSync(folder.file('out'), 'end');
  const reader = new SpoolReader(folder.file('out'), 0);
  const first = reader.read();
  assert.deepEqual([first.lost, first.bytes.length], [3 * MiB + 3, 64 * 1_024]);
  const rest = readToEnd(reader);
  assert.equal(first.bytes.length + rest.bytes.length, bounds.spoolBytes);
  assert.equal(rest.bytes.subarray(-3).toString(), 'end');
  reader.close();
});

test('a file that was emptied under the reader is read from its beginning', () => {
  using folder = new TemporaryFolder();
  writeFileSync(folder.file('out'), 'a long first text');
  const reader = new SpoolReader(folder.file('out'), 0);
  readToEnd(reader);
  writeFileSync(folder.file('out'), 'short');
  assert.equal(reader.read().bytes.toString(), 'short');
  reader.close();
});

test('a spool is not opened through a symlink', () => {
  using folder = new TemporaryFolder();
  writeFileSync(folder.file('victim'), 'precious');
  symlinkSync(folder.file('victim'), folder.file('out'));
  assert.throws(() => openSpool(folder.file('out')), { code: 'ELOOP' });
  assert.throws(() => new SpoolReader(folder.file('out'), 0), { code: 'ELOOP' });
  assert.equal(readFileSync(folder.file('victim'), 'utf8'), 'precious');
});
