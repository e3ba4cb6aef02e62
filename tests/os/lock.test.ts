import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { isTuttiError } from '../../src/core/errors.ts';
import { writeFileAtomic } from '../../src/os/atomic-file.ts';
import { acquireLock } from '../../src/os/lock.ts';
import { readRunning, removeRunning, writeRunning } from '../../src/os/running-file.ts';
import { TemporaryFolder } from './temporary-folder.ts';

const holder = `
  import('./src/os/lock.ts').then(({ acquireLock }) => {
    console.log(acquireLock(process.argv[1]) === undefined ? 'busy' : 'held');
    setInterval(() => {}, 1000);
  })`;

test('a lock has one holder, and is free when that was killed', async (context) => {
  using folder = new TemporaryFolder();
  const other = spawn(process.execPath, ['-e', holder, folder.path], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  context.after(() => other.kill('SIGKILL'));
  const [word] = (await once(other.stdout, 'data')) as [Buffer];
  assert.equal(word.toString().trim(), 'held');
  assert.equal(acquireLock(folder.path), undefined);
  other.kill('SIGKILL');
  await once(other, 'exit');
  const lock = acquireLock(folder.path);
  assert.ok(lock);
  assert.equal(statSync(folder.file('lock.db')).mode & 0o777, 0o600);
  lock.release();
  lock.release();
  acquireLock(folder.path)?.release();
});

test('a lock file that we did not make is refused, and left as it is (N-81)', () => {
  using folder = new TemporaryFolder();
  writeFileSync(folder.file('victim'), 'precious', { mode: 0o600 });
  symlinkSync(folder.file('victim'), folder.file('lock.db'));
  assert.throws(
    () => acquireLock(folder.path),
    (error) => isTuttiError(error, 'CONFIG_INVALID'),
  );
  assert.equal(readFileSync(folder.file('victim'), 'utf8'), 'precious');
});

test('a lock file that is open to others or no database is refused', () => {
  using folder = new TemporaryFolder();
  writeFileSync(
    folder.file('lock.db'),
    'not a database, though long enough to have a head of one '.repeat(20),
    { mode: 0o600 },
  );
  assert.throws(
    () => acquireLock(folder.path),
    (error) => isTuttiError(error, 'CONFIG_INVALID'),
  );
  chmodSync(folder.file('lock.db'), 0o666);
  assert.throws(
    () => acquireLock(folder.path),
    (error) => isTuttiError(error, 'CONFIG_INVALID'),
  );
});

test('running.json is read back, and anything else is nothing', () => {
  using folder = new TemporaryFolder();
  const running = {
    pid: 77,
    app: 'shop',
    appFile: '/a/tutti.ts',
    adminSocket: '/r/admin.sock',
    startedAt: 5,
  };
  assert.equal(readRunning(folder.path), undefined);
  writeRunning(folder.path, running);
  assert.deepEqual(readRunning(folder.path), running);
  for (const text of [
    '',
    'null',
    '[]',
    '{"pid":-1}',
    JSON.stringify({ ...running, app: 5 }),
    JSON.stringify(running).slice(0, 40),
  ]) {
    writeFileSync(folder.file('running.json'), text);
    assert.equal(readRunning(folder.path), undefined, text);
  }
  removeRunning(folder.path);
  removeRunning(folder.path);
});

test('a file is replaced whole, 0600, through no symlink, and nothing stays beside it', () => {
  using folder = new TemporaryFolder();
  writeFileSync(folder.file('victim'), 'precious');
  symlinkSync(folder.file('victim'), folder.file(`state.json.${String(process.pid)}.tmp`));
  symlinkSync(folder.file('victim'), folder.file('state.json'));
  writeFileAtomic(folder.file('state.json'), 'new');
  assert.equal(readFileSync(folder.file('state.json'), 'utf8'), 'new');
  assert.equal(statSync(folder.file('state.json')).mode & 0o777, 0o600);
  assert.equal(readFileSync(folder.file('victim'), 'utf8'), 'precious');
  assert.deepEqual(readdirSync(folder.path).sort(), ['state.json', 'victim']);
});
