/** The redo log by itself: what is read of it is what was written last, from its beginning to its end, and nothing of what lies there from before. */
import assert from 'node:assert/strict';
import { closeSync, openSync, readFileSync, statSync, writeFileSync, writeSync } from 'node:fs';
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { test } from 'node:test';
import fc from 'fast-check';
import { bounds } from '../../../src/core/bounds.ts';
import { RedoLog } from '../../../src/stores/sqlite/redo-log.ts';
import { watchWrites } from '../file-writes.ts';
import type { FileWrite } from '../file-writes.ts';
import { StoreFolder, setBound } from '../store-folder.ts';

function opened(folder: StoreFolder, id = 'this store'): RedoLog {
  const log = new RedoLog(folder.store, true);
  log.belongTo(id);
  return log;
}

const textOf = (number: number): string => `what commit ${String(number)} wrote, ünd möre`;
const appendAll = (log: RedoLog, ...numbers: number[]): boolean[] =>
  numbers.map((number) => log.append(number, textOf(number), true));
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
        for (const [index, text] of before.entries()) log.append(1 + index, `${text}.`, true);
        log.restart();
        for (const [index, text] of after.entries())
          log.append(1 + before.length + index, `${text}.`, index % 2 === 0);
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
    took.push(log.append(number, 'x'.repeat(100), true));
    sizes.add(statSync(`${folder.store}.redo`).size);
  }
  assert.deepEqual([...sizes], [1_000]);
  assert.deepEqual(took, [...Array<boolean>(8).fill(true), ...Array<boolean>(4).fill(false)]);
  assert.equal(log.append(9, 'x'.repeat(101), true), false, 'as UTF-8 it might be three times as long');
  log.restart();
  assert.equal(log.append(9, 'x'.repeat(100), true), true);
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
  assert.throws(() => log.append(2, 'x', true), { code: 'EIO' });
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

/** All that is written from now on; nothing of it while there is to be no room. */
function seenWrites(context: {
  mock: typeof test.mock;
}): Disposable & { readonly all: FileWrite[]; isFull: boolean } {
  const seen = { all: [] as FileWrite[], isFull: false };
  const watching = watchWrites(context, (write) => {
    if (seen.isFull) throw Object.assign(new Error('no'), { code: 'ENOSPC' });
    seen.all.push(write);
  });
  return Object.assign(seen, watching);
}

test('what may wait is written at once and synced with the next one that may not, or when it is asked for', (context) => {
  using folder = new StoreFolder();
  const log = opened(folder);
  using seen = seenWrites(context);
  const ends = [1, 2, 3, 4, 5].map((number) => {
    log.append(number, textOf(number), number === 1 || number === 4);
    return log.bytes;
  });
  assert.deepEqual([log.isUnsynced, found(log, 0)], [true, [1, 2, 3, 4, 5]]);
  // What was read is synced.
  assert.deepEqual([log.isUnsynced, log.sync()], [false, true]);
  log.append(6, textOf(6), false);
  assert.deepEqual([log.isUnsynced, log.sync(), log.isUnsynced, log.sync()], [true, true, false, true]);
  const [end1 = 0, end2 = 0, end3 = 0, end4 = 0, end5 = 0] = ends;
  const [first, second] = seen.all;
  assert.notEqual(first?.fd, second?.fd);
  assert.deepEqual(
    seen.all.map(({ fd, from, to }) => [fd === first?.fd, from, to]),
    [
      [true, 0, end1],
      [false, end1, end2],
      [false, end2, end3],
      [true, end1, end4],
      [false, end4, end5],
      [false, end5, log.bytes],
      [true, end5, log.bytes],
    ],
  );
  log.close();
});

test('more than the longest record is not left to wait, and what SQLite has need not be synced', (context) => {
  setBound(context, 'storeRedoRecordBytes', 300);
  using folder = new StoreFolder();
  const log = opened(folder);
  using seen = seenWrites(context);
  for (let number = 1; number <= 3; number += 1) log.append(number, 'x'.repeat(70), false);
  log.restart();
  assert.deepEqual([log.isUnsynced, log.sync()], [false, true]);
  log.append(4, 'x', true);
  assert.deepEqual(
    seen.all.map(({ from, to }) => [from, to]),
    [
      [0, 86],
      // The second one might be three times as long in UTF-8.
      [86, 172],
      [0, 172],
      [172, 258],
      [0, 17],
    ],
  );
  log.close();
});

test('a disk without room for what may wait is one that has no room for it, and nothing of what is there is lost', (context) => {
  using folder = new StoreFolder();
  const log = opened(folder);
  log.append(1, textOf(1), false);
  using seen = seenWrites(context);
  seen.isFull = true;
  assert.deepEqual(
    [log.append(2, textOf(2), false), log.sync(), log.append(2, textOf(2), true), log.isUnsynced],
    [false, false, false, true],
  );
  seen.isFull = false;
  assert.deepEqual([log.sync(), log.append(2, textOf(2), true)], [true, true]);
  assert.deepEqual(found(log, 0), [1, 2]);
  log.close();
});
