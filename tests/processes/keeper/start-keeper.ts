/**
 * Starts a real keeper whose supervisor is played by the test. Ends it, and asserts that nothing of it is left.
 */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { KeeperFrame, KeeperOrder, KeeperState, SpawnOrder } from '../../../src/core/keeper-frames.ts';
import { systemClock } from '../../../src/os/clock.ts';
import { JsonFrameSocket } from '../../../src/os/json-frames.ts';
import { sweep } from '../../../src/os/processes-file.ts';
import type { KeeperOptions } from '../../../src/processes/keeper/main.ts';

const fixtures = join(import.meta.dirname, '../../fixtures/keeper');
const limitMs = 20_000;
const maxBytes = 16 * 1_024 * 1_024;

export type Answer = Record<string, unknown> & { readonly ok: boolean; readonly error?: { code: string } };
type Frame<Op> = Extract<KeeperFrame, { op: Op }>;

/** For what no event tells: a process that is gone, a line in a file. */
export async function until<Value>(what: string, look: () => Value | undefined | false): Promise<Value> {
  const deadline = performance.now() + limitMs;
  for (;;) {
    const found = look();
    if (found !== undefined && found !== false) return found;
    assert.ok(performance.now() < deadline, `never came: ${what}`);
    await pause(10);
  }
}

export const isAlive = (pid: number): boolean => {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${String(pid)}/status`, 'utf8'));
  } catch {
    return false;
  }
};

/** The test's end of one supervisor process. */
export class PlayedSupervisor {
  readonly #frames: KeeperFrame[] = [];
  readonly #socket: JsonFrameSocket;
  #nextId = 1;
  pid = 0;
  isGone = false;

  constructor(socket: Socket) {
    this.#socket = new JsonFrameSocket(socket, {
      maxBytes,
      onFrame: (value) => {
        const frame = value as KeeperFrame & { supervisorPid: number };
        this.pid = frame.supervisorPid;
        this.#frames.push(frame);
      },
      onClose: () => {
        this.isGone = true;
      },
    });
  }

  tell(frame: object): void {
    this.#socket.send(frame);
  }

  async next<Op extends KeeperFrame['op']>(
    op: Op,
    fits: (frame: Frame<Op>) => boolean = () => true,
  ): Promise<Frame<Op>> {
    const matches = (frame: KeeperFrame): boolean => frame.op === op && fits(frame as Frame<Op>);
    return until(op, () => {
      const at = this.#frames.findIndex(matches);
      return at >= 0 && (this.#frames.splice(at, 1)[0] as Frame<Op>);
    });
  }

  async ask(order: KeeperOrder): Promise<Answer> {
    const id = this.#nextId++;
    this.tell({ id, ...order });
    return await this.next('answer', (frame) => frame.id === id);
  }

  async list(): Promise<KeeperState> {
    return (await this.ask({ op: 'list' })) as unknown as KeeperState;
  }
}

export class PlayedKeeper implements AsyncDisposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'tk-'));
  readonly runDir = join(this.folder, 'run');
  readonly stateDir = join(this.folder, '.tutti');
  readonly appFile = join(this.folder, 'tutti.ts');
  readonly #supervisors: PlayedSupervisor[] = [];
  readonly #keepers: ChildProcess[] = [];
  readonly #server: Server;
  stderr = '';

  constructor() {
    writeFileSync(this.appFile, '');
    this.#server = createServer((socket) => this.#supervisors.push(new PlayedSupervisor(socket)));
    this.#server.listen(join(this.folder, 'test.sock'));
  }

  /** A keeper for the same directories; the second one is refused while the first one lives. */
  start(options: Partial<KeeperOptions> = {}): ChildProcess {
    const all: Omit<KeeperOptions, 'env'> = {
      appFile: this.appFile,
      runDir: this.runDir,
      stateDir: this.stateDir,
      supervisorEntry: join(fixtures, 'supervisor.ts'),
      supervisorArgs: [join(this.folder, 'test.sock')],
      detached: true,
      graceMs: limitMs,
      ...options,
    };
    const stdio = ['ignore', 'ignore', 'pipe'] as const;
    const keeper = spawn(process.execPath, [join(fixtures, 'keeper.ts'), JSON.stringify(all)], {
      stdio: [...stdio],
    });
    keeper.stderr.on('data', (chunk) => (this.stderr += String(chunk)));
    this.#keepers.push(keeper);
    return keeper;
  }

  /** The n-th supervisor since the beginning, from 1, once it has said its welcome. */
  async supervisor(n: number): Promise<{ supervisor: PlayedSupervisor; welcome: Frame<'welcome'> }> {
    const supervisor = await until(
      `supervisor ${String(n)} (${this.stderr})`,
      () => this.#supervisors[n - 1],
    );
    return { supervisor, welcome: await supervisor.next('welcome') };
  }

  order(key: string, change: Partial<SpawnOrder> & { vice?: string } = {}): { op: 'spawn' } & SpawnOrder {
    const { vice = 'none', ...rest } = change;
    const spool = { out: join(this.folder, `${key}.out`), err: join(this.folder, `${key}.err`) };
    const entry = join(fixtures, 'instance.ts');
    const env = { PATH: '/usr/bin:/bin' };
    return {
      op: 'spawn',
      key,
      epoch: 1,
      entry,
      args: [vice],
      cwd: this.folder,
      env,
      birth: [],
      listeners: [],
      spool,
      ...rest,
    };
  }

  /** What an instance has said on stdout, as soon as it has said something with this field. */
  async said(key: string, field: string): Promise<Record<string, unknown>> {
    const path = join(this.folder, `${key}.out`);
    return until(`${key} says ${field}`, () => {
      if (!existsSync(path)) return undefined;
      const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1);
      return lines.map((line) => JSON.parse(line) as Record<string, unknown>).find((line) => field in line);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const running = this.#keepers.filter((keeper) => keeper.exitCode === null && keeper.signalCode === null);
    for (const keeper of running) {
      keeper.kill('SIGKILL');
      await once(keeper, 'exit');
    }
    const { killed } = await sweep(this.runDir, systemClock);
    // Before the verdict: a server that stays open would keep this process, and so the whole run, for ever.
    this.#server.close();
    if (running.length === 0) assert.deepEqual(killed, [], 'a keeper that ended left processes');
    await until('supervisors to go', () => this.#supervisors.every((supervisor) => supervisor.isGone));
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export const exitOf = async (keeper: ChildProcess): Promise<number | null> =>
  keeper.exitCode ?? ((await once(keeper, 'exit')) as [number | null])[0];
