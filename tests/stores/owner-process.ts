/** A process that owns a store, with or without strace in front of it. */
import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { resolve } from 'node:path';

const fixture = resolve(import.meta.dirname, '../fixtures/stores/owner.ts');

export interface OwnerOptions {
  readonly file: string;
  readonly from?: number;
  readonly count?: number;
  /** How many at once. */
  readonly group?: number;
  /** Milliseconds between them. */
  readonly think?: number;
  /** Milliseconds before it closes the store. */
  readonly stays?: number;
  readonly text?: string;
  readonly synchronous?: 'FULL' | 'NORMAL';
  readonly migrations?: 1 | 2;
  /** Behind each group one more for which nobody waits, negative. */
  readonly patient?: 0 | 1;
}

export class OwnerProcess implements AsyncDisposable {
  readonly child: ChildProcess;
  /** What it said, line by line. */
  readonly lines: string[] = [];
  stderr = '';
  readonly #more = new EventEmitter();
  readonly #closed: Promise<unknown>;

  /** @param strace its arguments, when it is to be traced. */
  constructor(options: OwnerOptions, strace?: readonly string[]) {
    const args = Object.entries(options).map(([name, value]) => `--${name}=${String(value)}`);
    const command = [
      ...(strace === undefined ? [] : ['strace', ...strace]),
      process.execPath,
      fixture,
      ...args,
    ];
    // With the cache of compiled code it would write files of its own.
    const env = { ...process.env, NODE_COMPILE_CACHE: undefined };
    this.child = spawn(command[0] ?? '', command.slice(1), { env, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#closed = once(this.child, 'close');
    let rest = '';
    this.child.stdout?.on('data', (chunk: Buffer) => {
      const [...whole] = (rest + chunk.toString()).split('\n');
      rest = whole.pop() ?? '';
      this.lines.push(...whole);
      this.#more.emit('more');
    });
    this.child.stderr?.on('data', (chunk: Buffer) => (this.stderr += chunk.toString()));
    void this.#closed.then(() => this.#more.emit('more'));
  }

  /** Numbers that it was answered for. */
  get acked(): number[] {
    return this.#numbers('ack ');
  }

  /** Those that were answered while nobody waited for them. */
  get noted(): number[] {
    return this.#numbers('noted ');
  }

  #numbers(said: string): number[] {
    return this.lines.filter((line) => line.startsWith(said)).map((line) => Number(line.slice(said.length)));
  }

  /** @throws when it ended before. */
  async until(isThere: () => boolean): Promise<void> {
    while (!isThere()) {
      if (this.hasEnded) throw new Error(`the owner has ended: ${this.lines.join(', ')} ${this.stderr}`);
      await once(this.#more, 'more');
    }
  }

  get hasEnded(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  /** All that it said is there then. */
  async ended(): Promise<void> {
    await this.#closed;
  }

  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.ended();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.hasEnded) this.child.kill('SIGKILL');
    await this.ended();
  }
}

/** Why system calls cannot be traced here; false: they can. */
export function withoutStrace(): string | false {
  const { status, error, stderr } = spawnSync('strace', ['-o', '/dev/null', 'true'], { encoding: 'utf8' });
  return status === 0 ? false : `system calls cannot be traced: ${error?.message ?? stderr.trim()}`;
}
