/** On descriptors that refuse for real. A disk that fills under a running app is in tests/faults/full-disk.test.ts. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, openSync, readFileSync, readSync } from 'node:fs';
import { test } from 'node:test';
import { guardedOutput } from '../../src/telemetry/guarded-output.ts';
import { TemporaryFolder } from '../os/temporary-folder.ts';

const module = new URL('../../src/telemetry/guarded-output.ts', import.meta.url).href;
const onLinux = process.platform === 'linux' ? false : 'such descriptors are of Linux';

/** A named pipe, of which a test holds both ends: its reader may be slow, go, and come again. */
class Pipe implements Disposable {
  readonly #folder = new TemporaryFolder();
  readonly #path = this.#folder.file('pipe');
  #reader: number | undefined;
  readonly #writer: number;

  constructor() {
    assert.equal(spawnSync('mkfifo', [this.#path]).status, 0);
    this.readerComes();
    this.#writer = openSync(this.#path, constants.O_WRONLY | constants.O_NONBLOCK);
  }

  get output(): ReturnType<typeof guardedOutput> {
    return guardedOutput(this.#writer as 1);
  }

  readerComes(): void {
    this.#reader = openSync(this.#path, constants.O_RDONLY | constants.O_NONBLOCK);
  }

  readerGoes(): void {
    if (this.#reader !== undefined) closeSync(this.#reader);
    this.#reader = undefined;
  }

  /** All that is there. */
  read(): string {
    const buffer = Buffer.alloc(1_048_576);
    let length = 0;
    try {
      for (let got = -1; got !== 0; length += got)
        got = readSync(this.#reader ?? -1, buffer, length, buffer.length - length, null);
    } catch (error) {
      assert.equal((error as NodeJS.ErrnoException).code, 'EAGAIN');
    }
    return buffer.toString('utf8', 0, length);
  }

  [Symbol.dispose](): void {
    this.readerGoes();
    // Its number may be another file's soon: nothing must be left to tell.
    closeSync(this.#writer);
    this.#folder[Symbol.dispose]();
  }
}

interface Lost {
  readonly level: number;
  readonly count: number;
  readonly reason: string;
  readonly msg: string;
}

const lostIn = (line: string | undefined): Pick<Lost, 'count' | 'reason'> => {
  const { level, count, reason, msg } = JSON.parse(line ?? '') as Lost;
  assert.deepEqual([level, msg], [40, 'Output was lost: it could not be written']);
  return { count, reason };
};

test('a reader that is gone costs nobody an error; one that comes is told first how much was lost', () => {
  using pipe = new Pipe();
  pipe.output.write('before\n');
  assert.equal(pipe.read(), 'before\n');
  pipe.readerGoes();
  for (let n = 0; n < 3; n += 1) pipe.output.write('lost\n');
  pipe.output.write(Buffer.from('lost as bytes\n'));
  pipe.readerComes();
  pipe.output.write('after\n');
  pipe.output.write('and on\n');
  const [lost, ...rest] = pipe.read().split('\n');
  assert.deepEqual(lostIn(lost), { count: 4, reason: 'EPIPE' });
  assert.deepEqual(rest, ['after', 'and on', '']);
});

test('a reader that is slow loses what had no room, and the half of a line that it got is ended', () => {
  using pipe = new Pipe();
  // More than a pipe holds: the beginning is taken.
  pipe.output.write(`${'x'.repeat(200_000)}\n`);
  pipe.output.write('lost\n');
  const half = pipe.read();
  assert.match(half, /^x+$/);
  pipe.output.write('after\n');
  const [ended, lost, ...rest] = pipe.read().split('\n');
  assert.equal(ended, '');
  assert.deepEqual(lostIn(lost), { count: 2, reason: 'EAGAIN' });
  assert.deepEqual(rest, ['after', '']);
});

test('what is told is a line of its own, also behind text that had no end yet', () => {
  using pipe = new Pipe();
  pipe.output.write('no end');
  assert.equal(pipe.read(), 'no end');
  pipe.readerGoes();
  pipe.output.write(' of the line\n');
  pipe.readerComes();
  pipe.output.write('after\n');
  const [before, lost, ...rest] = pipe.read().split('\n');
  assert.equal(before, '');
  assert.deepEqual(lostIn(lost), { count: 1, reason: 'EPIPE' });
  assert.deepEqual(rest, ['after', '']);
});

test('who falls silent after a loss has it told all the same, once', (context) => {
  context.mock.timers.enable({ apis: ['setInterval'] });
  using pipe = new Pipe();
  pipe.readerGoes();
  pipe.output.write('lost\n');
  // Counted by somebody who could not even make a line of it.
  pipe.output.lose();
  context.mock.timers.tick(10_000);
  pipe.readerComes();
  assert.equal(pipe.read(), '');
  context.mock.timers.tick(1_000);
  const [lost, ...rest] = pipe.read().split('\n');
  assert.deepEqual(lostIn(lost), { count: 2, reason: 'EPIPE' });
  assert.deepEqual(rest, ['']);
  context.mock.timers.tick(10_000);
  assert.equal(pipe.read(), '');
});

for (const [code, what, path] of [
  ['ENOSPC', 'a full disk', '/dev/full'],
  // Nothing is at the address 0 of a process.
  ['EIO', 'a broken device', '/proc/self/mem'],
] as const)
  test(
    `${what} (${code}) never throws, and is told when there is a place to write to`,
    { skip: onLinux },
    () => {
      using folder = new TemporaryFolder();
      const broken = openSync(path, 'r+');
      const output = guardedOutput(broken as 1);
      output.write('lost\n');
      output.write('lost too\n');
      closeSync(broken);
      const mended = openSync(folder.file('log'), 'w');
      assert.equal(mended, broken, 'the lowest number that is free');
      output.write('after\n');
      closeSync(mended);
      const [lost, ...rest] = readFileSync(folder.file('log'), 'utf8').split('\n');
      assert.deepEqual(lostIn(lost), { count: 2, reason: code });
      assert.deepEqual(rest, ['after', '']);
    },
  );

test('there is one for each descriptor, so that each loss is counted once', () => {
  assert.equal(guardedOutput(1), guardedOutput(1));
  assert.notEqual(guardedOutput(1), guardedOutput(2));
});

/** Node with guarded outputs runs `code`, its stdout in a file, `path`, that takes no more than this. */
function guardedRun(code: string, limitBlocks: number | 'unlimited'): { written: string; stderr: string } {
  using folder = new TemporaryFolder();
  const path = folder.file('out');
  const script = `import { guardOutputs } from '${module}'; guardOutputs(); const path = '${path}'; ${code}`;
  const { stderr, status } = spawnSync(
    '/bin/sh',
    [
      ...['-c', 'ulimit -f "$1"; exec "$2" --input-type=module -e "$3" >> "$4"', 'sh'],
      ...[String(limitBlocks), process.execPath, script, path],
    ],
    // What is measured of its coverage is a file too, and would be cut like any other.
    { encoding: 'utf8', env: { ...process.env, NODE_V8_COVERAGE: '' } },
  );
  assert.equal(status, 0, stderr);
  return { written: readFileSync(path, 'utf8'), stderr };
}

test('who prints into a file that takes no more goes on, and is heard again once there is room', () => {
  const { written, stderr } = guardedRun(
    `import { readFileSync, truncateSync } from 'node:fs';
     for (let n = 0; n < 100; n += 1) process.stdout.write('x'.repeat(100) + '\\n');
     process.stderr.write(readFileSync(path));
     truncateSync(path);
     process.stdout.write('after\\n', () => console.log('called back'));`,
    1,
  );
  assert.match(stderr, /^(x{100}\n)+x+$/);
  const [ended, lost, ...rest] = written.split('\n');
  assert.equal(ended, '');
  const whole = Math.floor(stderr.length / 101);
  assert.deepEqual(lostIn(lost), { count: 100 - whole, reason: 'EFBIG' });
  assert.deepEqual(rest, ['after', 'called back', '']);
});

test('text of every encoding and bytes of every kind are written as Node writes them, and in order', () => {
  const { written } = guardedRun(
    `process.stdout.write('6869', 'hex');
     process.stdout.write(' ä\\n');
     process.stdout.write(new Uint8Array([111, 107, 10]));
     console.log('%d%%', 7);
     process.stdout.write('last\\n', 'utf8', () => console.log('called back'));`,
    'unlimited',
  );
  assert.equal(written, 'hi ä\nok\n7%\nlast\ncalled back\n');
});

test('a pipe whose reader is gone ends no process that prints into it', async () => {
  const script = `import { guardOutputs } from '${module}'; guardOutputs();
    process.stdin.once('data', () => {
      process.stdout.write('nobody hears', () => setTimeout(() => process.exit(7), 50));
    });
    console.log('ready');`;
  using child = spawn(process.execPath, ['--input-type=module', '-e', script]);
  await once(child.stdout, 'data');
  child.stdout.destroy();
  await once(child.stdout, 'close');
  child.stdin.write('now');
  assert.deepEqual(await once(child, 'exit'), [7, null]);
});
