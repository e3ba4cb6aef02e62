import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  closeSync,
  openSync,
  statSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { test } from 'node:test';
import { isTuttiError } from '../../src/core/errors.ts';
import { createSlots, SlotReader, SlotWriter, type SlotRecord } from '../../src/os/statistics-slots.ts';
import { TemporaryFolder } from './temporary-folder.ts';

const refusal = (words: RegExp) => (error: unknown) =>
  isTuttiError(error, 'CONFIG_INVALID') && words.test(error.message);

const record = (change: Partial<SlotRecord> = {}): SlotRecord => ({
  epoch: 3,
  pid: 4_711,
  startTime: 123_456,
  beatAt: 98_765.432_1,
  loopDelayP99Ms: 1.5,
  loopDelayMaxMs: 20.25,
  utilisation: 0.25,
  rssBytes: 2 ** 33,
  heapBytes: 2 ** 25,
  inFlight: 7,
  queued: 1,
  requests: 2 ** 40,
  errors: 12,
  flags: 1,
  fullness: 0.75,
  taken: 2 ** 41,
  waitedMs: 1_234.5,
  rejected: 3,
  calls: 5,
  retries: 2,
  poolCalls: 3,
  callAction: 2,
  callEndsBy: 99_000.25,
  callUnwanted: 1,
  callNumber: 17,
  latency: Array.from({ length: 16 }, (_, bucket) => bucket * 1_000),
  ...change,
});

test('what is written in a slot is read, and the others stay empty', () => {
  using folder = new TemporaryFolder();
  const path = folder.file('statistics');
  createSlots(path, 4);
  const reader = new SlotReader(path);
  const writer = new SlotWriter(path, 2);
  assert.deepEqual(reader.readAll(), [undefined, undefined, undefined, undefined]);
  writer.write(record());
  assert.deepEqual(reader.readAll(), [undefined, undefined, record(), undefined]);
  writer.write(record({ utilisation: NaN }));
  assert.equal(reader.readAll()[2]?.utilisation, 0);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  writer.close();
  reader.close();
});

test('records written without a pause by another process are never read in halves', async () => {
  using folder = new TemporaryFolder();
  const path = folder.file('statistics');
  createSlots(path, 1);
  const script = `import('./src/os/statistics-slots.ts').then(({ SlotWriter }) => {
    const writer = new SlotWriter(process.argv[1], 0);
    const n = (i) => ({ epoch: i, pid: i, startTime: i, beatAt: i, loopDelayP99Ms: i, loopDelayMaxMs: i, utilisation: i, rssBytes: i,
      heapBytes: i, inFlight: i, queued: i, requests: i, errors: i, flags: i,
      fullness: i, taken: i, waitedMs: i, rejected: i, calls: i, retries: i, poolCalls: i, callAction: i,
      callEndsBy: i, callUnwanted: i, callNumber: i, latency: Array(16).fill(i) });
    for (let i = 1; i <= 100000; i++) writer.write(n(i));
  })`;
  const child = spawn(process.execPath, ['-e', script, path], { stdio: 'inherit' });
  const exit = once(child, 'exit');
  const reader = new SlotReader(path);
  let last = 0;
  let read = 0;
  while (last < 100_000) {
    const [found] = reader.readAll();
    if (found === undefined) {
      await new Promise(setImmediate);
      if (child.exitCode !== null) break;
      continue;
    }
    const { latency, ...numbers } = found;
    assert.deepEqual([...new Set([...Object.values(numbers), ...latency])], [found.epoch]);
    assert.ok(found.epoch >= last);
    last = found.epoch;
    if (++read % 100 === 0) await new Promise(setImmediate);
  }
  await exit;
  assert.equal(reader.readAll()[0]?.epoch, 100_000);
  reader.close();
});

test('a record that does not agree with itself is nothing', () => {
  using folder = new TemporaryFolder();
  const path = folder.file('statistics');
  createSlots(path, 1);
  const writer = new SlotWriter(path, 0);
  writer.write(record());
  const reader = new SlotReader(path);
  const fd = openSync(path, 'r+');
  writeSync(fd, Buffer.alloc(8, 7), 0, 8, 512 + 80);
  closeSync(fd);
  assert.deepEqual(reader.readAll(), [undefined]);
  assert.equal(reader.damaged, false);
  writer.close();
  reader.close();
});

test('a file that is cut, removed or overwritten under its reader is said to be damaged, made anew, and written again (N-83)', () => {
  using folder = new TemporaryFolder();
  const path = folder.file('statistics');
  createSlots(path, 2);
  const writer = new SlotWriter(path, 1);
  const harms = [
    () => {
      truncateSync(path, 700);
    },
    () => {
      truncateSync(path, 0);
    },
    () => {
      unlinkSync(path);
    },
    () => {
      writeFileSync(path, Buffer.alloc(3 * 512, 9));
    },
  ];
  for (const harm of harms) {
    const reader = new SlotReader(path);
    writer.write(record());
    assert.deepEqual([reader.readAll()[1], reader.damaged], [record(), false]);
    harm();
    const [first] = reader.readAll();
    assert.deepEqual([first, reader.damaged], [undefined, true]);
    reader.close();
    createSlots(path, 2);
    writer.write(record());
  }
  writer.close();
});

test('a file that is not as we make it is refused with what is wrong (N-83)', () => {
  using folder = new TemporaryFolder();
  const path = folder.file('statistics');
  const open = (): void => {
    new SlotWriter(path, 0).close();
  };
  assert.throws(open, refusal(/cannot be opened/));
  createSlots(path, 2);
  open();
  assert.throws(() => new SlotWriter(path, 2), refusal(/has 2 slots, and no number 2/));
  chmodSync(path, 0o644);
  assert.throws(open, refusal(/another owner, mode or kind/));
  const head = (at: number, value: number): void => {
    createSlots(path, 2);
    const fd = openSync(path, 'r+');
    writeSync(fd, Buffer.from(new Float64Array([value]).buffer), 0, 8, at);
    closeSync(fd);
  };
  head(0, 1);
  assert.throws(open, refusal(/no file of statistics/));
  head(8, 4);
  assert.throws(open, refusal(/version 4, not 3/));
  head(16, 1e9);
  assert.throws(open, refusal(/wrong size/));
  assert.match(new SlotReader(path).problem ?? '', /wrong size/);
});
