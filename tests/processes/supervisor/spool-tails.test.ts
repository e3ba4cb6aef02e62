/** Real spools and real files; whoever writes them is this process. */
import assert from 'node:assert/strict';
import { appendFileSync, cpSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { test } from 'node:test';
import type { LogLine } from '../../../src/core/log-line.ts';
import { systemClock } from '../../../src/os/clock.ts';
import { LogFile } from '../../../src/processes/supervisor/log-file.ts';
import { LogHub } from '../../../src/processes/supervisor/log-hub.ts';
import { spoolPaths } from '../../../src/processes/supervisor/spool-paths.ts';
import { SpoolTails } from '../../../src/processes/supervisor/spool-tails.ts';
import { TemporaryFolder } from '../../os/temporary-folder.ts';

const users = { service: 'users', slot: 1 };
const orders = { service: 'orders', slot: 1 };

/** A supervisor as far as output goes. One that is killed simply never says anything again. */
class Reader implements Disposable {
  readonly lines: LogLine[] = [];
  readonly hub: LogHub;
  readonly tails: SpoolTails;
  readonly #lookers = new Set<() => void>();

  constructor(stateDir: string, generation = 1) {
    this.hub = new LogHub({ clock: systemClock, level: 'info', generation });
    this.hub.follow((line) => {
      this.lines.push(line);
      for (const look of this.#lookers) look();
    });
    this.tails = new SpoolTails({ stateDir, clock: systemClock, hub: this.hub, slot: () => undefined });
    this.tails.watch(users);
    this.tails.watch(orders);
  }

  get texts(): string[] {
    return this.lines.map(({ message }) => message);
  }

  /** A line that does not come is a failure and no endless wait. */
  async until(message: string): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<undefined>();
    const look = (): void => {
      if (this.texts.includes(message)) resolve(undefined);
    };
    const late = setTimeout(() => {
      reject(new Error(`not heard: ${message}; heard: ${this.texts.join(', ')}`));
    }, 10_000);
    this.#lookers.add(look);
    look();
    try {
      await promise;
    } finally {
      clearTimeout(late);
    }
  }

  /** Its timer would keep the process of a failed test alive. */
  [Symbol.dispose](): void {
    this.tails.close();
  }
}

interface Where {
  readonly of?: typeof users;
  readonly to?: 'out' | 'err';
}

function write(stateDir: string, text: string, { of = users, to = 'out' }: Where = {}): void {
  const path = spoolPaths(stateDir, of)[to];
  mkdirSync(dirname(path), { recursive: true });
  appendFileSync(path, text);
}

const pino = (time: number, msg: string): string => `${JSON.stringify({ level: 30, time, msg })}\n`;

test('what several wrote comes by its time, and of one in the order in which it wrote', async () => {
  using folder = new TemporaryFolder();
  write(folder.path, pino(1, 'a1') + pino(5, 'a2') + pino(4, 'a3'));
  write(folder.path, pino(2, 'b1') + pino(6, 'b2'), { of: orders });
  using reader = new Reader(folder.path);
  await reader.until('b2');
  assert.deepEqual(reader.texts, ['a1', 'b1', 'a2', 'a3', 'b2']);
  const seqs = reader.lines.map(({ seq }) => seq);
  assert.deepEqual(
    seqs,
    [1, 2, 3, 4, 5].map((n) => 2 ** 32 + n),
  );
});

test('a trace is told when nothing more comes, without an end of the process', async () => {
  using folder = new TemporaryFolder();
  write(folder.path, 'Error: odd\n    at f (x.js:1:1)\n', { to: 'err' });
  using reader = new Reader(folder.path);
  await reader.until('Error: odd');
  assert.equal(reader.lines[0]?.stack, 'Error: odd\n    at f (x.js:1:1)');
  assert.equal(reader.lines[0].level, 'error');
});

test('half a line and half a trace that a supervisor had read when it was killed are whole for its successor', async () => {
  using folder = new TemporaryFolder();
  using first = new Reader(folder.path);
  write(folder.path, 'whole\nhalf a ');
  await first.until('whole');
  // Its last save: as far as `whole`, though it has read more.
  first.tails.forget('orders#1');
  write(folder.path, 'line\nend\n');
  using second = new Reader(folder.path, 2);
  await second.until('end');
  assert.deepEqual(second.texts, ['half a line', 'end']);
  assert.ok((second.lines[0]?.seq ?? 0) > 2 * 2 ** 32);
});

const openLog = (folder: TemporaryFolder, { hub }: Reader): LogFile =>
  new LogFile({ options: {}, appFile: folder.file('tutti.ts'), hub, clock: systemClock }, 'logs/app.log');

test('what is given to a successor again has the same place, and is in the log file once', async () => {
  using folder = new TemporaryFolder();
  using first = new Reader(folder.path);
  const firstFile = openLog(folder, first);
  write(folder.path, 'one\ntwo\nthree\n');
  await first.until('three');
  await first.hub.settled();
  // As a supervisor leaves it that is killed at this moment: it has never saved how far it was.
  using left = new TemporaryFolder();
  cpSync(folder.path, left.path, { recursive: true });
  rmSync(left.file('spool/offsets.json'), { force: true });
  first.tails.close();
  await firstFile.close();

  using second = new Reader(left.path, 2);
  const secondFile = openLog(left, second);
  write(left.path, 'two\nfour\n');
  await second.until('four');
  assert.deepEqual(second.texts, ['one', 'two', 'three', 'two', 'four']);
  assert.deepEqual(
    second.lines.slice(0, 3).map(({ at }) => at),
    first.lines.map(({ at }) => at),
  );
  await secondFile.close();
  const written = readFileSync(left.file('logs/app.log'), 'utf8').split('\n').slice(0, -1);
  assert.deepEqual(
    written.map((line) => (JSON.parse(line) as LogLine).message),
    ['one', 'two', 'three', 'two', 'four'],
  );
});
