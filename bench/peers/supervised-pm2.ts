/**
 * PM2 with its own command and a home of its own, which is gone when the bench is done. It shall not call home: its version
 * check goes out on the first use of a home (unless the file `touch` is there) and once a day (unless told not to).
 */
import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { livesStill } from '../lib/proc.ts';
import { environment, newFolder } from '../lib/spawn.ts';
import type { Services, Supervised } from '../lib/supervised.ts';

const command = resolve(import.meta.dirname, '../node_modules/pm2/bin/pm2');
const program = join(import.meta.dirname, 'service.js');
const commandMs = 60_000;
const goneMs = 5_000;

/** What we read of `pm2 jlist`. */
interface Process {
  readonly name: string;
  readonly pid: number;
  readonly pm2_env: { readonly status: string; readonly restart_time: number };
}

/** Daemons that a bench which is broken off must not leave behind. Their services end with them. */
const daemons = new Set<number>();

function endDaemon(pid: number): void {
  if (livesStill(pid)) process.kill(pid, 'SIGKILL');
  daemons.delete(pid);
}

function watchOverDaemon(pid: number): void {
  if (daemons.size === 0) {
    process.once('exit', () => {
      for (const daemon of daemons) endDaemon(daemon);
    });
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
  }
  daemons.add(pid);
}

class Pm2 {
  readonly home = newFolder();

  constructor() {
    writeFileSync(join(this.home, 'touch'), '');
  }

  async command(...args: string[]): Promise<string> {
    const env = {
      ...environment,
      PM2_HOME: this.home,
      PM2_DISABLE_VERSION_CHECK: 'true',
      PM2_NO_INTERACTION: 'true',
      PM2_DISCRETE_MODE: 'true',
    };
    const options = { env, cwd: this.home, timeout: commandMs, maxBuffer: 64 * 1_048_576 };
    return (await promisify(execFile)(process.execPath, [command, ...args], options)).stdout;
  }

  async process(name: string): Promise<Process> {
    const last = (await this.command('jlist')).trim().split('\n').at(-1) ?? '[]';
    const found = (JSON.parse(last) as Process[]).find((process) => process.name === name);
    if (found === undefined) throw new Error(`PM2 knows no ${name}`);
    return found;
  }

  daemon(): number {
    return Number(readFileSync(join(this.home, 'pm2.pid'), 'utf8'));
  }
}

/** `more`: options of its process file, beyond its defaults. */
export async function supervisePm2(services: Services, more: object = {}): Promise<Supervised> {
  const pm2 = new Pm2();
  const apps = Object.entries(services).map(([name, env]) => ({ name, script: program, env, ...more }));
  const file = join(pm2.home, 'apps.json');
  writeFileSync(file, JSON.stringify({ apps }));
  await pm2.command('start', file);
  const daemon = pm2.daemon();
  watchOverDaemon(daemon);
  // Its command starts another daemon where it finds none: that would stand in the tables for the first.
  const ask = async (name: string): Promise<Process> => {
    const found = await pm2.process(name);
    if (pm2.daemon() !== daemon) throw new Error('PM2 has put another daemon into the place of the first');
    return found;
  };
  return {
    supervisors: [daemon],
    pidOf: async (name) => (await ask(name)).pid,
    async says(name) {
      const { status, restart_time: restarts } = (await ask(name)).pm2_env;
      return { state: status, restarts };
    },
    async stopAll() {
      await pm2.command('kill');
    },
    async [Symbol.asyncDispose]() {
      if (livesStill(daemon)) await pm2.command('kill');
      for (const end = performance.now() + goneMs; livesStill(daemon) && performance.now() < end;)
        await delay(50);
      endDaemon(daemon);
    },
  };
}
