/**
 * The command as a person has it: `bin/tutti.js` with a run and a state directory of its own, so that tests run side by side.
 * Whatever app it left running is stopped when it is closed, also after a failed test.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { isAlive } from '../../src/cli/app-connection.ts';
import { readRunning } from '../../src/os/running-file.ts';

const root = resolve(import.meta.dirname, '../..');
export const command = join(root, 'bin/tutti.js');
export const fixtureFolder = join(root, 'tests/fixtures/cli');

export interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Default: there is none. */
  readonly stdin?: string;
}

export class CommandWorld implements AsyncDisposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'tc-'));
  readonly env = { XDG_RUNTIME_DIR: this.folder, TUTTI_STATE_DIR: join(this.folder, 'state') };
  readonly #children = new Set<ChildProcess>();
  readonly #stateDirs = new Set<string>();

  /** Runs to its end. */
  run(args: readonly string[], options: RunOptions = {}): Promise<Ended> {
    return this.start(args, options).ended;
  }

  /** Runs, is expected to succeed, and gives what it printed. */
  async ok(...args: string[]): Promise<string> {
    const { code, out, err } = await this.run(args);
    assert.equal(code, 0, `tutti ${args.join(' ')}: ${out}${err}`);
    return out;
  }

  async json<T>(...args: string[]): Promise<T> {
    return JSON.parse(await this.ok(...args, '--json')) as T;
  }

  start(args: readonly string[], { cwd = fixtureFolder, env = {}, stdin }: RunOptions = {}): Started {
    const given = { ...this.env, ...env };
    this.#stateDirs.add(given.TUTTI_STATE_DIR);
    const child = spawn(process.execPath, [command, ...args], {
      cwd,
      env: { ...process.env, ...given },
      stdio: [stdin === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    });
    child.stdin?.end(stdin);
    this.own(child);
    return new Started(child);
  }

  /** Is killed when the world is closed. */
  own(child: ChildProcess): void {
    this.#children.add(child);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const keepers = [...this.#stateDirs].flatMap((state) => readRunning(state)?.pid ?? []);
    for (const pid of keepers) if (isAlive(pid)) process.kill(pid, 'SIGTERM');
    await untilGone(keepers, 15_000);
    for (const pid of keepers) if (isAlive(pid)) process.kill(pid, 'SIGKILL');
    for (const child of this.#children) child.kill('SIGKILL');
    rmSync(this.folder, { recursive: true, force: true });
  }
}

async function untilGone(pids: readonly number[], waitMs: number): Promise<void> {
  const until = performance.now() + waitMs;
  while (pids.some(isAlive) && performance.now() < until) await pause(20);
}

/** A command that runs. */
export class Started {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  readonly #lookers = new Set<() => void>();
  out = '';
  err = '';

  constructor(child: ChildProcess) {
    this.child = child;
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.out += text;
      for (const look of this.#lookers) look();
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.err += text;
      for (const look of this.#lookers) look();
    });
    this.ended = new Promise((done) => {
      child.once('close', (code) => {
        for (const look of this.#lookers) look();
        done({ code, out: this.out, err: this.err });
      });
    });
  }

  /** Once it has printed that. */
  printed(pattern: RegExp): Promise<void> {
    return this.#until(pattern, () => this.out);
  }

  /** Once it has said that to stderr. */
  said(pattern: RegExp): Promise<void> {
    return this.#until(pattern, () => this.err);
  }

  async #until(pattern: RegExp, text: () => string): Promise<void> {
    const { promise, resolve: done, reject } = Promise.withResolvers<undefined>();
    const look = (): void => {
      if (pattern.test(text())) done(undefined);
      else if (this.child.exitCode !== null)
        reject(new Error(`it ended without ${String(pattern)}: ${this.out}${this.err}`));
    };
    this.#lookers.add(look);
    look();
    await promise;
    this.#lookers.delete(look);
  }
}
