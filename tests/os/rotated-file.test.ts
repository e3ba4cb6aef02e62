import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { test } from 'node:test';
import { bounds } from '../../src/core/bounds.ts';
import { systemClock } from '../../src/os/clock.ts';
import { RotatedFile } from '../../src/os/rotated-file.ts';
import { TemporaryFolder } from './temporary-folder.ts';

interface World {
  readonly file: RotatedFile;
  readonly troubles: string[];
  readonly lost: number[];
}

function openFile(path: string, { maxBytes = 1_000_000, keep = 2 } = {}): World {
  const world = {
    troubles: [] as string[],
    lost: [] as number[],
    file: new RotatedFile({
      ...{ path, maxBytes, keep, clock: systemClock },
      onTrouble: (reason) => {
        world.troubles.push(reason);
      },
      onLost: (lines) => {
        world.lost.push(lines);
        world.file.append(`${String(lines)} were lost`);
      },
    }),
  };
  return world;
}

const linesOf = (path: string): string[] => readFileSync(path, 'utf8').split('\n').slice(0, -1);
const numbers = (from: number, to: number): string[] =>
  Array.from({ length: to - from + 1 }, (_, n) => `line ${String(from + n)}`);

test('lines come in order, in a file that is private, in a folder that is made', async () => {
  using folder = new TemporaryFolder();
  const path = folder.file('logs/deep/app.log');
  const { file } = openFile(path);
  for (const line of numbers(1, 20_000)) file.append(line);
  await file.settled();
  assert.deepEqual(linesOf(path), numbers(1, 20_000));
  assert.equal(statSync(path).mode & 0o777, 0o600);
  await file.close();
});

test('a full file is turned over, the oldest is dropped, and none is larger than it may be', async () => {
  using folder = new TemporaryFolder();
  const path = folder.file('app.log');
  writeFileSync(folder.file('app.log.10'), 'somebody else');
  const { file } = openFile(path, { maxBytes: 1_000, keep: 2 });
  for (const line of numbers(1_000, 1_999)) file.append(line);
  await file.close();
  const files = [`${path}.2`, `${path}.1`, path];
  const lines = files.flatMap(linesOf);
  assert.deepEqual(lines, numbers(2_000 - lines.length, 1_999));
  assert.deepEqual(linesOf(`${path}.1`).length, 100);
  for (const one of files) assert.ok(statSync(one).size <= 1_000);
  assert.equal(existsSync(`${path}.3`), false);
  assert.equal(readFileSync(folder.file('app.log.10'), 'utf8'), 'somebody else');
});

test('a line that is longer than a file may be has one of its own; with nothing to keep the old one is gone', async () => {
  using folder = new TemporaryFolder();
  const path = folder.file('app.log');
  const { file } = openFile(path, { maxBytes: 100, keep: 0 });
  for (const line of ['a', 'x'.repeat(500), 'ü'.repeat(49)]) file.append(line);
  await file.close();
  assert.deepEqual(linesOf(path), ['ü'.repeat(49)]);
  assert.equal(existsSync(`${path}.1`), false);
});

test('a successor goes on in the same file, on a line of its own', async () => {
  using folder = new TemporaryFolder();
  const path = folder.file('app.log');
  writeFileSync(path, 'whole\nhalf a li', { mode: 0o640 });
  const { file } = openFile(path);
  file.append('next');
  await file.close();
  assert.deepEqual(linesOf(path), ['whole', 'half a li', 'next']);
});

test('a file that somebody moved away is made anew', async () => {
  using folder = new TemporaryFolder();
  const path = folder.file('app.log');
  const { file } = openFile(path);
  file.append('one');
  await file.settled();
  renameSync(path, `${path}.moved`);
  const until = performance.now() + 20_000;
  for (let n = 0; !existsSync(path); n += 1) {
    assert.ok(performance.now() < until);
    file.append(`more ${String(n)}`);
    await new Promise((done) => setTimeout(done, 20));
  }
  await file.close();
  const lines = [...linesOf(`${path}.moved`), ...linesOf(path)];
  assert.deepEqual(
    lines.slice(1),
    Array.from({ length: lines.length - 1 }, (_, n) => `more ${String(n)}`),
  );
});

for (const what of ['symlink', 'folder', 'pipe'] as const)
  test(`what is a ${what} is not written, that is said once, and it is written when it is a file`, async () => {
    using folder = new TemporaryFolder();
    const path = folder.file('app.log');
    writeFileSync(folder.file('victim'), 'precious');
    if (what === 'symlink') symlinkSync(folder.file('victim'), path);
    if (what === 'folder') mkdirSync(path);
    if (what === 'pipe') assert.deepEqual(await once(spawn('mkfifo', [path]), 'exit'), [0, null]);
    const { file, troubles } = openFile(path);
    file.append('kept for later');
    await file.settled();
    assert.equal(troubles.length, 1);
    assert.equal(readFileSync(folder.file('victim'), 'utf8'), 'precious');
    rmSync(path, { recursive: true });
    const until = performance.now() + 20_000;
    while (!existsSync(path) || linesOf(path).length === 0) {
      assert.ok(performance.now() < until);
      await new Promise((done) => setTimeout(done, 20));
    }
    await file.close();
    assert.deepEqual([linesOf(path), troubles.length], [['kept for later'], 1]);
  });

test('while it cannot be written a bounded part waits and the rest is counted, said where it is missing', async () => {
  using folder = new TemporaryFolder();
  const path = folder.file('app.log');
  mkdirSync(path);
  const { file, lost, troubles } = openFile(path, { maxBytes: 100_000_000 });
  const text = 'x'.repeat(1_023);
  for (let n = 0; n < bounds.logFileBytes / 1_024 + 100; n += 1) file.append(text);
  await file.settled();
  assert.deepEqual([lost, troubles.length], [[], 1]);
  rmSync(path, { recursive: true });
  await file.close();
  const lines = linesOf(path);
  assert.deepEqual(lost, [100]);
  assert.equal(lines.length, bounds.logFileBytes / 1_024 + 1);
  assert.equal(lines.at(-1), '100 were lost');
});
