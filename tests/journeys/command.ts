/** Runs `tutti` as a person does, in directories of its own; whatever a test did, its processes are ended. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { AdminClient } from '../../src/cli/admin-client.ts';
import type { AppStatus, InstanceStatus } from '../../src/core/status.ts';
import { runDirectory, socketPath } from '../../src/os/directories.ts';

const bin = fileURLToPath(new URL('../../bin/tutti.js', import.meta.url));
export const fixture = (path: string): string =>
  fileURLToPath(new URL(`../fixtures/${path}`, import.meta.url));

/** Directories that outlive one start: for a second one of the same app. */
export function makeHome(): { readonly folder: string } & Disposable {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'tutti-journey-')));
  return {
    folder,
    [Symbol.dispose]: () => {
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Another program, which is given ours with its arguments as its last ones. */
export interface Through {
  readonly through: readonly string[];
  readonly args: readonly string[];
}

export class Command implements AsyncDisposable {
  readonly child: ChildProcess;
  readonly exited: Promise<number | null>;
  readonly admin: AdminClient;
  said = '';

  constructor(
    folder: string,
    command: readonly string[] | Through,
    env: Readonly<Record<string, string>> = {},
  ) {
    const { through, args } = 'args' in command ? command : { through: [], args: command };
    const [file = process.execPath, ...rest] = [...through, process.execPath, bin, ...args];
    this.child = spawn(file, rest, {
      env: {
        ...process.env,
        NO_COLOR: '1',
        XDG_RUNTIME_DIR: folder,
        TUTTI_STATE_DIR: join(folder, '.tutti'),
        ...env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.child.stdout, this.child.stderr])
      stream?.on('data', (chunk: Buffer) => {
        this.said += chunk.toString();
      });
    this.exited = once(this.child, 'close').then(([code]) => code as number | null);
    const runDir = runDirectory(args[1] ?? '', { XDG_RUNTIME_DIR: folder, tmp: folder, uid: 0 });
    this.admin = new AdminClient(socketPath(runDir, 'admin'));
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  status(): Promise<AppStatus> {
    return this.admin.get('/status');
  }

  /** Until it is so; a supervisor that is away for a moment is not so. */
  async until(what: string, isSo: (status: AppStatus) => boolean, timeoutMs = 20_000): Promise<AppStatus> {
    const until = performance.now() + timeoutMs;
    let last: AppStatus | undefined;
    while (performance.now() < until) {
      last = await this.status().catch(() => undefined);
      if (last !== undefined && isSo(last)) return last;
      await pause(20);
    }
    throw new Error(
      `not within ${String(timeoutMs)} ms: ${what}\n${JSON.stringify(
        last?.services.map(({ instances }) => instances),
        undefined,
        1,
      )}\n${this.said}`,
    );
  }

  /** Until it has printed this. */
  hears(words: string, timeoutMs = 20_000): Promise<void> {
    return this.hearsAfter(0, words, timeoutMs);
  }

  /** Behind the first `chars` of what it has printed. */
  async hearsAfter(chars: number, words: string, timeoutMs = 20_000): Promise<void> {
    const until = performance.now() + timeoutMs;
    while (!this.said.includes(words, chars)) {
      if (performance.now() > until)
        throw new Error(`not heard within ${String(timeoutMs)} ms: ${words}\n${this.said}`);
      await pause(10);
    }
  }

  ready(timeoutMs?: number): Promise<AppStatus> {
    const isReady = ({ services }: AppStatus): boolean =>
      services.every(({ ready, wanted }) => ready >= wanted);
    return this.until('all are ready', isReady, timeoutMs);
  }

  async url(): Promise<string> {
    const { services } = await this.status();
    return services.find(({ urls }) => urls.length > 0)?.urls[0] ?? '';
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.admin.close();
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    this.child.kill('SIGTERM');
    const late = setTimeout(() => this.child.kill('SIGKILL'), 15_000);
    await this.exited;
    clearTimeout(late);
  }
}

export const instanceOf = (status: AppStatus, slot: string): InstanceStatus => {
  const found = status.services
    .flatMap(({ instances }) => instances)
    .find((instance) => instance.slot === slot);
  if (found === undefined) throw new Error(`no instance ${slot}`);
  return found;
};

export const pidOf = (status: AppStatus, slot: string): number => instanceOf(status, slot).pid ?? 0;

/** Keeper, supervisor and every instance. */
export const allPids = ({ pids, services }: AppStatus): number[] => [
  pids.keeper,
  pids.supervisor,
  ...services.flatMap(({ instances }) => instances.flatMap(({ pid }) => (pid === null ? [] : [pid]))),
];
