/** A Redis and a PostgreSQL of a test's own: on loopback, on ports of their own, in a temporary folder; ended by pid. */
import { execFileSync, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, globSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, connect } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

export type EngineName = 'redis' | 'postgres';

export interface EngineServer extends AsyncDisposable {
  readonly engine: EngineName;
  readonly url: string;
  /** As a machine that loses it, or as whoever looks after it stops it. */
  stop(signal: 'SIGKILL' | 'SIGINT'): Promise<void>;
  start(): Promise<void>;
}

const readyMs = 20_000;
const postgresBinaries = globSync('/usr/lib/postgresql/*/bin').at(-1);

/** False: it can be started here; else what to install. */
export const missing: Readonly<Record<EngineName, false | string>> = {
  redis: isThere('redis-server') ? false : 'needs redis-server: apt-get install redis-server',
  postgres: postgresBinaries === undefined ? 'needs a PostgreSQL server: apt-get install postgresql' : false,
};

function isThere(command: string): boolean {
  try {
    execFileSync(command, ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

interface Program {
  readonly engine: EngineName;
  readonly url: string;
  readonly port: number;
  readonly folder: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly user: { readonly uid: number; readonly gid: number } | undefined;
}

class Server implements EngineServer {
  readonly #program: Program;
  #child: ChildProcess | undefined;

  constructor(program: Program) {
    this.#program = program;
  }

  get engine(): EngineName {
    return this.#program.engine;
  }

  get url(): string {
    return this.#program.url;
  }

  async start(): Promise<void> {
    const { command, args, user, port, engine } = this.#program;
    let said = '';
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...user });
    this.#child = child;
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-2_000)));
    const until = performance.now() + readyMs;
    const isReady = (): boolean =>
      engine === 'redis' ? said.includes('Ready to accept') : said.includes('ready to accept connections');
    while (!isReady() || !(await answers(port))) {
      if (child.exitCode !== null || performance.now() > until)
        throw new Error(`${engine} did not start: ${said}`);
      await pause(20);
    }
  }

  async stop(signal: 'SIGKILL' | 'SIGINT'): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const closed = once(child, 'close');
    child.kill(signal);
    await closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop('SIGINT');
    rmSync(this.#program.folder, { recursive: true, force: true });
  }
}

async function answers(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/** @param settings beside those that make it keep what it acknowledges. */
export async function startRedis(settings: Readonly<Record<string, string>> = {}): Promise<EngineServer> {
  const folder = mkdtempSync(join(tmpdir(), 'tutti-redis-'));
  const port = await freePort();
  const all = {
    save: '',
    appendonly: 'yes',
    appendfsync: 'always',
    bind: '127.0.0.1',
    dir: folder,
    ...settings,
  };
  const args = Object.entries({ ...all, port: String(port) }).flatMap(([name, value]) => [
    `--${name}`,
    value,
  ]);
  const url = `redis://127.0.0.1:${String(port)}`;
  const server = new Server({
    engine: 'redis',
    url,
    port,
    folder,
    command: 'redis-server',
    args,
    user: undefined,
  });
  await server.start();
  return server;
}

/** It refuses to run as root: then it runs as the user that its package has made. */
function postgresUser(): Program['user'] {
  if (process.getuid?.() !== 0) return undefined;
  const idOf = (flag: string): number => Number(execFileSync('id', [flag, 'postgres']).toString());
  return { uid: idOf('-u'), gid: idOf('-g') };
}

export async function startPostgres(): Promise<EngineServer> {
  const folder = mkdtempSync(join(tmpdir(), 'tutti-postgres-'));
  const user = postgresUser();
  const data = join(folder, 'data');
  mkdirSync(data, { mode: 0o700 });
  for (const path of user === undefined ? [] : [folder, data])
    chownSync(path, user?.uid ?? 0, user?.gid ?? 0);
  const binaries = postgresBinaries ?? '';
  const init = ['-D', data, '-U', 'tester', '-A', 'trust', '--no-sync'];
  execFileSync(join(binaries, 'initdb'), init, { stdio: 'ignore', cwd: folder, ...user });
  const port = await freePort();
  const args = ['-D', data, '-p', String(port), '-k', folder, '-c', 'listen_addresses=127.0.0.1'];
  const url = `postgres://tester@127.0.0.1:${String(port)}/postgres`;
  const server = new Server({
    engine: 'postgres',
    url,
    port,
    folder,
    command: join(binaries, 'postgres'),
    args,
    user,
  });
  await server.start();
  return server;
}

export const startEngine: Readonly<Record<EngineName, () => Promise<EngineServer>>> = {
  redis: startRedis,
  postgres: startPostgres,
};
