import assert from 'node:assert/strict';
import { spawn, execFileSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  closeSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { test } from 'node:test';
import { isTuttiError } from '../../src/core/errors.ts';
import { CounterDirectory, createCounters, SharedValues } from '../../src/os/shared-counters.ts';
import { countersPath, statisticsPath } from '../../src/os/shared-memory-path.ts';
import { TemporaryFolder } from './temporary-folder.ts';

const refusal = (words: RegExp) => (error: unknown) =>
  isTuttiError(error, 'CONFIG_INVALID') && words.test(error.message);

const adder = `import('./src/os/shared-counters.ts').then(({ SharedValues }) => {
  const values = new SharedValues(process.argv[1]);
  const { index } = values.lookup('orders');
  for (let i = 0; i < 100000; i++) values.add(index, 1);
  console.log(values.isShared, values.get(values.lookup('orders')));
  if (process.argv[2] === 'die') process.kill(process.pid, 'SIGKILL');
})`;

test('counts of several processes add up exactly, also of one that was killed', async () => {
  using folder = new TemporaryFolder();
  const path = folder.file('counters');
  createCounters(path, 16);
  const directory = new CounterDirectory(path);
  directory.register('orders', 'counter');
  const children = ['live', 'live', 'die'].map((end) =>
    spawn(process.execPath, ['-e', adder, path, end], { stdio: 'ignore' }),
  );
  await Promise.all(children.map((child) => once(child, 'exit')));
  assert.deepEqual(directory.list(), [{ name: 'orders', kind: 'counter', value: 300_000 }]);
  directory.close();
});

test('names are found by those who opened before they were registered', () => {
  using folder = new TemporaryFolder();
  const path = folder.file('counters');
  createCounters(path, 4);
  const directory = new CounterDirectory(path);
  const values = new SharedValues(path);
  assert.equal(values.lookup('orders'), undefined);
  assert.equal(directory.register('orders', 'counter'), 0);
  assert.equal(directory.register('stock', 'gauge'), 1);
  assert.equal(directory.register('orders', 'counter'), 0);
  const [orders, stock] = [values.lookup('orders'), values.lookup('stock')];
  assert.ok(orders && stock);
  values.add(orders.index, 5);
  values.add(orders.index, -2);
  values.set(stock.index, 1.5);
  assert.deepEqual([values.get(orders), values.get(stock)], [3, 1.5]);
  const successor = new CounterDirectory(path);
  assert.deepEqual(successor.list(), [
    { name: 'orders', kind: 'counter', value: 3 },
    { name: 'stock', kind: 'gauge', value: 1.5 },
  ]);
  for (const opened of [directory, successor, values]) opened.close();
});

test('a name of the other kind, a bad name and one too many are refused', () => {
  using folder = new TemporaryFolder();
  const path = folder.file('counters');
  createCounters(path, 2);
  const directory = new CounterDirectory(path);
  directory.register('a', 'counter');
  assert.throws(() => directory.register('a', 'gauge'), { code: 'CONFLICT' });
  for (const name of ['', 'ü'.repeat(64)])
    assert.throws(() => directory.register(name, 'gauge'), { code: 'INVALID_INPUT' });
  assert.equal(directory.register('ü'.repeat(63), 'gauge'), 1);
  assert.throws(() => directory.register('b', 'gauge'), { code: 'OVERLOADED' });
  assert.deepEqual(
    directory.list().map(({ name }) => name),
    ['a', 'ü'.repeat(63)],
  );
  directory.close();
});

test('a file that is not as we make it is refused with what is wrong (N-83)', () => {
  using folder = new TemporaryFolder();
  const path = folder.file('counters');
  const opens = [() => new CounterDirectory(path), () => new SharedValues(path)];
  const refuse = (words: RegExp): void => {
    for (const open of opens) assert.throws(open, refusal(words));
    createCounters(path, 4);
  };
  const overwrite = (at: number): void => {
    const fd = openSync(path, 'r+');
    writeSync(fd, Buffer.from([99, 0, 0, 0]), 0, 4, at);
    closeSync(fd);
  };
  refuse(/cannot be opened/);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  chmodSync(path, 0o660);
  refuse(/another owner, mode or kind/);
  overwrite(0);
  refuse(/holds no counters/);
  overwrite(4);
  refuse(/version 99, not 1/);
  overwrite(8);
  refuse(/wrong size/);
  truncateSync(path, 10);
  refuse(/holds no counters|version|wrong size/);
  rmSync(path);
  writeFileSync(folder.file('victim'), 'precious');
  symlinkSync(folder.file('victim'), path);
  refuse(/cannot be opened/);
  assert.equal(readFileSync(folder.file('victim'), 'utf8'), 'precious');
});

test('without koffi an instance counts for itself and says so', () => {
  using folder = new TemporaryFolder();
  const path = folder.file('counters');
  createCounters(path, 4);
  const directory = new CounterDirectory(path);
  directory.register('orders', 'counter');
  const hooks = `require('module').registerHooks({ resolve: (name, context, next) => { if (name === 'koffi') throw new Error('not here'); return next(name, context); } });`;
  const said = execFileSync(process.execPath, ['-e', hooks + adder, path], { encoding: 'utf8' });
  assert.equal(said, 'false 100000\n');
  assert.equal(directory.list()[0]?.value, 0);
  directory.close();
});

test('a file that another user laid out in /dev/shm is passed by', (context) => {
  if (process.getuid?.() !== 0) {
    context.skip('only root can play another user');
    return;
  }
  using folder = new TemporaryFolder();
  const path = statisticsPath(folder.path);
  assert.match(path, /^\/dev\/shm\/tutti-0-[0-9a-f]{16}-statistics$/);
  assert.notEqual(countersPath(folder.path), path);
  execFileSync('install', ['-o', '12345', '/dev/null', path]);
  try {
    assert.equal(statisticsPath(folder.path), folder.file('statistics'));
  } finally {
    rmSync(path);
  }
});
