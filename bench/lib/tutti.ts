/**
 * Runs an app of bench/tutti with the command that users type, and asks it with the same command.
 */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { environment, newFolder } from './spawn.ts';

const tutti = resolve(import.meta.dirname, '../../bin/tutti.js');
const readyMs = 60_000;

/** What we read of `tutti status --json`. */
interface Status {
  readonly pids: { readonly keeper: number; readonly supervisor: number };
  readonly services: readonly {
    readonly name: string;
    readonly wanted: number;
    readonly ready: number;
    readonly instances: readonly Instance[];
  }[];
}

/** Times in epoch milliseconds; `since`: of the last change of state. */
interface Instance {
  readonly pid: number | null;
  readonly startedAt: number | null;
  readonly since: number;
  readonly state: string;
  readonly restarts: number;
  readonly requests: number;
}

export class TuttiApp {
  readonly #file: string;
  readonly #env: NodeJS.ProcessEnv;
  readonly #program: string;

  constructor(file: string, env: NodeJS.ProcessEnv, program: string) {
    this.#file = file;
    this.#env = env;
    this.#program = program;
  }

  async command(name: string, ...args: string[]): Promise<string> {
    const all = [this.#program, name, ...args, '--app', this.#file];
    return (await promisify(execFile)(process.execPath, all, { env: this.#env })).stdout;
  }

  async #status(): Promise<Status> {
    return JSON.parse(await this.command('status', '--json')) as Status;
  }

  async untilReady(): Promise<void> {
    const end = performance.now() + readyMs;
    while (performance.now() < end) {
      // The command fails until the app's admin socket is there.
      const services = await this.#status().then(
        (status) => status.services,
        () => [],
      );
      if (services.length > 0 && services.every(({ ready, wanted }) => ready === wanted)) return;
      await delay(100);
    }
    throw new Error(`${this.#file} was not ready within ${String(readyMs)} ms`);
  }

  /** Keeper and supervisor. */
  async supervisors(): Promise<number[]> {
    const { keeper, supervisor } = (await this.#status()).pids;
    return [keeper, supervisor];
  }

  async instance(name: string): Promise<Instance> {
    const found = (await this.#status()).services.find((service) => service.name === name)?.instances[0];
    if (found === undefined) throw new Error(`${name} has no instance`);
    return found;
  }

  async pids(...names: string[]): Promise<number[]> {
    const { services } = await this.#status();
    const wanted = services.filter(({ name }) => names.some((part) => name.includes(part)));
    return wanted.flatMap(({ instances }) => instances.flatMap(({ pid }) => pid ?? []));
  }
}

/** `file`: of bench/tutti, or a whole path. */
function stateOf(file: string, env: NodeJS.ProcessEnv = {}): { path: string; env: NodeJS.ProcessEnv } {
  return {
    path: resolve(import.meta.dirname, '../tutti', file),
    env: { ...environment, TUTTI_STATE_DIR: newFolder(), ...env },
  };
}

/** `program`: the command of another Tutti than the one beside us. */
export async function startTutti(
  file: string,
  more: NodeJS.ProcessEnv = {},
  program = tutti,
): Promise<TuttiApp & AsyncDisposable> {
  const { path, env } = stateOf(file, more);
  const keeper = spawn(process.execPath, [program, 'start', path], {
    env,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const exited = once(keeper, 'exit');
  const stop = async (): Promise<void> => {
    keeper.kill('SIGINT');
    await exited;
  };
  const app = new TuttiApp(path, env, program);
  try {
    await Promise.race([
      app.untilReady(),
      exited.then(() => Promise.reject(new Error(`tutti start ${file} ended`))),
    ]);
  } catch (error) {
    await stop();
    throw error;
  }
  return Object.assign(app, { [Symbol.asyncDispose]: stop });
}

/** Time from the command to its return, which `-d` makes the moment when all are ready. */
export async function startedWithinMs(file: string, program = tutti): Promise<number> {
  const { path, env } = stateOf(file);
  const run = (...args: string[]): Promise<unknown> =>
    promisify(execFile)(process.execPath, [program, ...args], { env });
  const began = performance.now();
  await run('start', '-d', path);
  const tookMs = performance.now() - began;
  await run('stop', '--app', path);
  return tookMs;
}
