/** The redo log by itself: what is read of it is what was written last, from its beginning to its end, and nothing of what lies there from before. */
import assert from 'node:assert/strict';
import { closeSync, openSync, readFileSync, statSync, writeFileSync, writeSync } from 'node:fs';
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { test } from 'node:test';
import fc from 'fast-check';
import { bounds } from '../../../src/core/bounds.ts';
import { RedoLog } from '../../../src/stores/sqlite/redo-log.ts';
import { StoreFolder, setBound } from '../store-folder.ts';

function opened(folder: StoreFolder, id = 'this store'): RedoLog {
  const log = new RedoLog(folder.store, true);
  log.belongTo(id);
  return log;
}

const textOf = (number: number): string => `what commit ${String(number)} wrote, ünd möre`;
const appendAll = (log: RedoLog, ...numbers: number[]): boolean[] =>
  numbers.map((number) => log.append(number, textOf(number)));
const found = (log: RedoLog, after: number): number[] => log.read(after).map(({ number }) => number);

test('what was appended is there for the next one, in its order, from behind the commit that is asked for', () => {
  using folder = new StoreFolder();
  const first = opened(folder);
  assert.deepEqual(appendAll(first, 8, 9, 10), [true, true, true]);
  first.close();
  const next = opened(folder);
  assert.deepEqual(next.read(8), [
    { number: 9, text: textOf(9) },
    { number: 10, text: textOf(10) },
  ]);
  appendAll(next, 11);
  assert.deepEqual(found(next, 7), [8, 9, 10, 11]);
  next.close();
});

test('what SQLite has already is not read, and what does not follow it is not either', () => {
  using folder = new StoreFolder();
  const log = opened(folder);
  appendAll(log, 5, 6, 7);
  for (const after of [7, 8, 100, 3]) {
    assert.deepEqual(found(log, after), []);
    assert.equal(log.isHolding, false);
  }
  assert.deepEqual(found(log, 4), [5, 6, 7]);
  assert.equal(log.isHolding, true);
  log.close();
});

test('what was written from the beginning again ends before what lies there from the time before', () => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ maxLength: 40 }), { minLength: 1, maxLength: 8 }),
      fc.array(fc.string({ maxLength: 40 }), { minLength: 1, maxLength: 8 }),
      (before, after) => {
        using folder = new StoreFolder();
        const log = opened(folder);
        for (const [index, text] of before.entries()) log.append(1 + index, `${text}.`);
        log.restart();
        for (const [index, text] of after.entries()) log.append(1 + before.length + index, `${text}.`);
        const read = log.read(before.length).map(({ text }) => text);
        log.close();
        assert.deepEqual(
          read,
          after.map((text) => `${text}.`),
        );
      },
    ),
    { numRuns: 50 },
  );
});

test('what lies behind it from the time before takes none of its room', () => {
  using folder = new StoreFolder();
  const log = opened(folder);
  appendAll(log, 1, 2, 3);
  const { bytes } = log;
  log.restart();
  appendAll(log, 4);
  assert.deepEqual([found(log, 3), log.bytes], [[4], bytes / 3]);
  log.close();
});

test('a record that is cut or changed, in whatever byte, ends what is read', () => {
  using folder = new StoreFolder();
  const log = opened(folder);
  appendAll(log, 1, 2);
  const { bytes } = log;
  log.close();
  const path = `${folder.store}.redo`;
  const whole = readFileSync(path);
  for (let at = bytes / 2; at < bytes; at += 1) {
    const changed = Buffer.from(whole);
    changed[at] = (changed[at] ?? 0) ^ 4;
    writeFileSync(path, changed);
    const damaged = opened(folder);
    assert.deepEqual(found(damaged, 0), [1], `byte ${String(at)}`);
    damaged.close();
  }
});

test('beside another store its records mean nothing', () => {
  using folder = new StoreFolder();
  const log = opened(folder);
  appendAll(log, 1, 2);
  log.close();
  const other = opened(folder, 'another store');
  assert.deepEqual(found(other, 0), []);
  other.close();
});

test('its file has one size from the beginning, and what has no room is not taken', (context) => {
  setBound(context, 'storeRedoBytes', 1_000);
  setBound(context, 'storeRedoRecordBytes', 300);
  using folder = new StoreFolder();
  const log = opened(folder);
  const sizes = new Set<number>();
  const took: boolean[] = [];
  for (let number = 1; number <= 12; number += 1) {
    took.push(log.append(number, 'x'.repeat(100)));
    sizes.add(statSync(`${folder.store}.redo`).size);
  }
  assert.deepEqual([...sizes], [1_000]);
  assert.deepEqual(took, [...Array<boolean>(8).fill(true), ...Array<boolean>(4).fill(false)]);
  assert.equal(log.append(9, 'x'.repeat(101)), false, 'as UTF-8 it might be three times as long');
  log.restart();
  assert.equal(log.append(9, 'x'.repeat(100)), true);
  assert.deepEqual(found(log, 8), [9]);
  log.close();
});

test('a disk that has no room for what is written over is one that has no room for it', ({ mock }) => {
  using folder = new StoreFolder();
  const log = opened(folder);
  appendAll(log, 1);
  const codes = ['ENOSPC', 'EIO'];
  const { mock: failing } = mock.method(fs, 'writeSync', () => {
    throw Object.assign(new Error('no'), { code: codes.shift() });
  });
  syncBuiltinESMExports();
  const [full] = appendAll(log, 2);
  assert.throws(() => log.append(2, 'x'), { code: 'EIO' });
  failing.restore();
  syncBuiltinESMExports();
  assert.equal(full, false);
  assert.deepEqual(found(log, 0), [1]);
  log.close();
});

test('cleared, it has nothing for whoever comes next', () => {
  using folder = new StoreFolder();
  const log = opened(folder);
  appendAll(log, 1, 2);
  log.clear();
  log.close();
  const next = opened(folder);
  assert.deepEqual(found(next, 0), []);
  next.close();
});

test('a file that is too short is filled up', () => {
  using folder = new StoreFolder();
  const path = `${folder.store}.redo`;
  const fd = openSync(path, 'w', 0o600);
  writeSync(fd, 'half');
  closeSync(fd);
  const log = opened(folder);
  assert.deepEqual(found(log, 0), []);
  assert.equal(statSync(path).size, bounds.storeRedoBytes);
  log.close();
});
