import assert from 'node:assert/strict';
import { chmodSync, chownSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { isTuttiError } from '../../src/core/errors.ts';
import { openPrivateDirectory, runDirectory, socketPath, stateDirectory } from '../../src/os/directories.ts';
import { TemporaryFolder } from './temporary-folder.ts';

const refusal = (words: RegExp) => (error: unknown) =>
  isTuttiError(error, 'CONFIG_INVALID') && words.test(error.message);

test('the run directory is named after the real path of the app file', () => {
  using folder = new TemporaryFolder();
  writeFileSync(folder.file('tutti.ts'), '');
  symlinkSync(folder.file('tutti.ts'), folder.file('link.ts'));
  const env = { tmp: '/tmp', uid: 1_000 };
  const plain = runDirectory(folder.file('tutti.ts'), env);
  assert.match(plain, /^\/tmp\/tutti-1000\/[0-9a-f]{12}$/);
  assert.equal(runDirectory(folder.file('link.ts'), env), plain);
  const own = runDirectory(folder.file('tutti.ts'), { ...env, XDG_RUNTIME_DIR: '/run/user/1000' });
  assert.equal(own, plain.replace('/tmp/tutti-1000', '/run/user/1000/tutti'));
  assert.equal(runDirectory(folder.file('tutti.ts'), { ...env, XDG_RUNTIME_DIR: '' }), plain);
});

test('the state directory lies beside the app file unless it is put elsewhere', () => {
  using folder = new TemporaryFolder();
  assert.equal(stateDirectory(folder.file('tutti.ts')), folder.file('.tutti'));
  assert.equal(stateDirectory(folder.file('tutti.ts'), '/var/lib/shop'), '/var/lib/shop');
});

test('a socket whose path would be too long is named by a hash', () => {
  assert.equal(socketPath('/run/x', 'users#1'), '/run/x/users#1.sock');
  const long = socketPath('/run/x', 'u'.repeat(90));
  assert.match(long, /^\/run\/x\/[0-9a-f]{16}\.sock$/);
  assert.notEqual(socketPath('/run/x', `${'u'.repeat(89)}v`), long);
  assert.match(socketPath('/run/x', '../escape'), /^\/run\/x\/[0-9a-f]{16}\.sock$/);
  assert.throws(() => socketPath(`/${'r'.repeat(90)}`, 'users#1'), refusal(/too long/));
});

test('a private directory and our levels above it are made 0700, whatever the umask', () => {
  using folder = new TemporaryFolder();
  const path = join(folder.path, 'deep', 'tutti', 'abc');
  const umask = process.umask(0);
  try {
    openPrivateDirectory(path);
    openPrivateDirectory(path);
  } finally {
    process.umask(umask);
  }
  assert.equal(statSync(path).mode & 0o777, 0o700);
  assert.equal(statSync(folder.file('deep/tutti')).mode & 0o777, 0o700);
});

test('what another user could have laid out is refused with the path and the fix (N-81)', () => {
  using folder = new TemporaryFolder();
  const file = folder.file('file');
  writeFileSync(file, 'precious');
  const link = folder.file('link');
  symlinkSync(folder.path, link);
  const open = folder.file('open');
  mkdirSync(open);
  chmodSync(open, 0o777);
  assert.throws(
    () => {
      openPrivateDirectory(file);
    },
    refusal(/file is not a directory/),
  );
  assert.throws(
    () => {
      openPrivateDirectory(link);
    },
    refusal(/link is a symlink/),
  );
  assert.throws(
    () => {
      openPrivateDirectory(open);
    },
    refusal(/mode 777\): chmod 700 .*open/),
  );
  assert.throws(
    () => {
      openPrivateDirectory(join(open, 'inner'));
    },
    refusal(/Every user may replace/),
  );
  assert.equal(readFileSync(file, 'utf8'), 'precious');
});

test('a level of ours that is open is refused, though the last one is not (N-81)', () => {
  using folder = new TemporaryFolder();
  mkdirSync(folder.file('tutti/abc'), { recursive: true, mode: 0o700 });
  chmodSync(folder.file('tutti'), 0o755);
  assert.throws(
    () => {
      openPrivateDirectory(folder.file('tutti/abc'));
    },
    refusal(/tutti is open to other users/),
  );
});

test('a directory of another user is refused (N-81)', (context) => {
  if (process.getuid?.() !== 0) {
    context.skip('only root can give a directory away');
    return;
  }
  using folder = new TemporaryFolder();
  mkdirSync(folder.file('theirs'), { mode: 0o700 });
  chownSync(folder.file('theirs'), 12_345, 12_345);
  assert.throws(
    () => {
      openPrivateDirectory(folder.file('theirs'));
    },
    refusal(/belongs to user 12345/),
  );
});
