/**
 * An app with real processes, as `tutti start` runs it: its own run and state directories under a temporary folder, ports of its own.
 * Whatever a test did, nothing is left when it is closed.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { TuttiError } from '../core/errors.ts';
import { inheritedEnvironment } from '../define/read-env.ts';
import { gatewayService } from '../core/ids.ts';
import type { InstanceState } from '../core/instance-state.ts';
import type { AppStatus, InstanceStatus } from '../core/status.ts';
import { AdminClient } from '../cli/admin-client.ts';
import { runDirectory, socketPath } from '../os/directories.ts';
import { systemClock } from '../os/clock.ts';
import { adminStream } from './admin-stream.ts';
import type { TestApp, TestAppOptions, TestStream } from './test-app.ts';

const command = fileURLToPath(new URL('../../bin/tutti.js', import.meta.url));
const defaultReadyMs = 30_000;
const defaultUntilMs = 10_000;
const lookEveryMs = 20;
const lastWordsLength = 4_000;

/** Past this it is killed: a test must end. */
const closeMs = 20_000;

const pause = (ms: number): Promise<void> =>
  new Promise((done) => {
    systemClock.after(ms, done);
  });

class ProcessApp implements TestApp {
  readonly #folder: string;
  readonly #keeper: ChildProcess;
  readonly #admin: AdminClient;
  #said = '';
  #status: AppStatus | undefined;
  #closed: Promise<void> | undefined;

  constructor(appFile: string, options: TestAppOptions) {
    this.#folder = realpathSync(mkdtempSync(join(tmpdir(), 'tutti-test-')));
    const XDG_RUNTIME_DIR = this.#folder;
    const state = join(this.#folder, '.tutti');
    this.#keeper = spawn(process.execPath, [command, 'start', appFile], {
      env: { ...inheritedEnvironment(), ...options.env, XDG_RUNTIME_DIR, TUTTI_STATE_DIR: state },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const listen = (chunk: Buffer): void => {
      this.#said = (this.#said + chunk.toString()).slice(-lastWordsLength);
    };
    this.#keeper.stdout?.on('data', listen);
    this.#keeper.stderr?.on('data', listen);
    const runDir = runDirectory(appFile, {
      XDG_RUNTIME_DIR,
      tmp: this.#folder,
      uid: process.getuid?.() ?? 0,
    });
    this.#admin = new AdminClient(socketPath(runDir, 'admin'));
  }

  get keeperPid(): number {
    return this.#keeper.pid ?? 0;
  }

  async ready(options: TestAppOptions): Promise<void> {
    const until = systemClock.now() + (options.readyMs ?? defaultReadyMs);
    while (systemClock.now() < until) {
      if (this.#keeper.exitCode !== null)
        throw new TuttiError('CONFIG_INVALID', {
          message: `The app ended with code ${String(this.#keeper.exitCode)}:\n${this.#said}`,
        });
      const isReady = await this.#isReady();
      if (isReady) return;
      await pause(lookEveryMs);
    }
    throw new Error(`The app was not ready in time:\n${this.#said}`);
  }

  async call(action: string, input: unknown = {}): Promise<unknown> {
    const { output } = await this.#admin.post<{ output: unknown }>('/call', { action, input });
    return output;
  }

  stream(action: string, input: unknown = {}, items?: Iterable<unknown>): TestStream {
    const body = { action, input, items: items === undefined ? undefined : [...items] };
    return adminStream((signal) => this.#admin.follow('/stream', signal, body));
  }

  emit(event: string, payload: unknown): Promise<{ delivered: number }> {
    return this.#admin.post('/emit', { event, payload });
  }

  gatewayUrl(name = 'public'): string {
    const url = this.#status?.services.find((service) => service.name === gatewayService(name))?.urls[0];
    if (url === undefined) throw new TuttiError('NOT_FOUND', { what: `The gateway ${name}` });
    return url;
  }

  async status(): Promise<AppStatus> {
    const status = await this.#admin.get<AppStatus>('/status');
    this.#status = status;
    return status;
  }

  async kill(target: string): Promise<void> {
    const [instance] = await this.#instances(target);
    if (instance?.pid === null || instance === undefined)
      throw new TuttiError('NOT_FOUND', { what: `A process for ${target}` });
    process.kill(instance.pid, 'SIGKILL');
    // Without this a test could see the dead one as ready still.
    await this.#until(async () => (await this.#instances(target)).every(({ pid }) => pid !== instance.pid), {
      what: `${target} has died`,
      timeoutMs: defaultUntilMs,
    });
  }

  async until(target: string, state: InstanceState, timeoutMs = defaultUntilMs): Promise<void> {
    await this.#until(
      async () => {
        const instances = await this.#instances(target);
        return instances.length > 0 && instances.every((instance) => instance.state === state);
      },
      { what: `${target} is ${state}`, timeoutMs },
    );
  }

  stop = (target: string): Promise<void> => this.#ask('/stop', { target });
  start = (target: string): Promise<void> => this.#ask('/start', { target });
  restart = (target: string): Promise<void> => this.#ask('/restart', { target });
  scale = (service: string, replicas: number): Promise<void> => this.#ask('/scale', { service, replicas });

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #isReady(): Promise<boolean> {
    try {
      const { services } = await this.status();
      return services.every(({ ready, wanted }) => ready >= wanted);
    } catch {
      return false;
    }
  }

  async #ask(path: string, body: object): Promise<void> {
    await this.#admin.post(path, body);
  }

  async #instances(target: string): Promise<InstanceStatus[]> {
    const { services } = await this.status();
    return services.flatMap(({ name, instances }) =>
      instances.filter(({ slot }) => name === target || slot === target),
    );
  }

  /** The supervisor may be away for a moment: then the answer is no. */
  async #until(
    isSo: () => Promise<boolean>,
    { what, timeoutMs }: { what: string; timeoutMs: number },
  ): Promise<void> {
    const until = systemClock.now() + timeoutMs;
    while (systemClock.now() < until) {
      if (await isSo().catch(() => false)) return;
      await pause(lookEveryMs);
    }
    const states =
      this.#status?.services.flatMap(({ instances }) =>
        instances.map(({ slot, state, reason }) => `${slot} ${state} (${reason})`),
      ) ?? [];
    throw new Error(`Not so within ${String(timeoutMs)} ms: ${what}. It is: ${states.join(', ')}`);
  }

  async #close(): Promise<void> {
    if (this.#keeper.exitCode === null && this.#keeper.signalCode === null) {
      const gone = once(this.#keeper, 'exit');
      this.#keeper.kill('SIGTERM');
      const limit = systemClock.after(closeMs, () => this.#keeper.kill('SIGKILL'));
      await gone;
      limit.cancel();
    }
    this.#admin.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

export async function startProcesses(appFile: string, options: TestAppOptions): Promise<TestApp> {
  if (options.only !== undefined)
    throw new TuttiError('INVALID_INPUT', {
      message: 'only: with real processes all services of the app file run',
    });
  const app = new ProcessApp(appFile, options);
  try {
    await app.ready(options);
  } catch (error) {
    await app.close();
    throw error;
  }
  return app;
}
