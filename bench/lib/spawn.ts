/**
 * Starts the processes of a peer and ends them. Every process gets Node's compile cache, also where a peer's users would
 * run without: the comparison shall not rest on that.
 */
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Load, LoadResult, Meeting, RunningCalls, RunningGateway } from './peer.ts';

const benchFolder = resolve(import.meta.dirname, '..');
const readyMs = 30_000;

const temporary = mkdtempSync(join(tmpdir(), 'bench-'));
process.on('exit', () => {
  rmSync(temporary, { recursive: true, force: true });
});
let folders = 0;

/** A new folder, closed to others, that is gone when the bench is done. The name is short: a socket's path may have 107 bytes. */
export function newFolder(): string {
  folders += 1;
  const folder = join(temporary, String(folders));
  mkdirSync(folder, { mode: 0o700 });
  return folder;
}

export const environment = {
  ...process.env,
  NODE_COMPILE_CACHE: join(benchFolder, 'node_modules/.cache/node'),
};

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}

export async function meeting(): Promise<Meeting> {
  const [servicePort, callerPort, httpPort] = await Promise.all([freePort(), freePort(), freePort()]);
  return {
    socket: join(newFolder(), 'service.sock'),
    servicePort,
    callerPort,
    httpPort,
  };
}

/** The next message of a child; refuses to wait for a dead one. */
export async function answer(child: ChildProcess, limitMs = readyMs): Promise<unknown> {
  const over = new AbortController();
  const signal = AbortSignal.any([over.signal, AbortSignal.timeout(limitMs)]);
  const died = once(child, 'exit', { signal }).then(() => {
    throw new Error(`${child.spawnargs.slice(2).join(' ')} ended`);
  });
  try {
    const [message] = (await Promise.race([once(child, 'message', { signal }), died])) as [unknown];
    return message;
  } finally {
    died.catch(() => undefined);
    over.abort();
  }
}

export const startFile = (file: string, args: string[] = []): ChildProcess =>
  fork(join(benchFolder, file), args, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'], env: environment });

export const startRole = (module: string, role: string, at: Meeting): ChildProcess =>
  startFile('lib/process.ts', [join(benchFolder, 'peers', `${module}.ts`), role, JSON.stringify(at)]);

export async function end(child: ChildProcess, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill(signal);
  await exited;
}

async function endAll(children: ChildProcess[]): Promise<void> {
  await Promise.all(children.map((child) => end(child)));
}

async function startRoles(module: string, roles: string[], at: Meeting): Promise<ChildProcess[]> {
  const children: ChildProcess[] = [];
  try {
    for (const role of roles) {
      const child = startRole(module, role, at);
      children.push(child);
      await answer(child);
    }
    return children;
  } catch (error) {
    await endAll(children);
    throw error;
  }
}

const pidsOf = (children: ChildProcess[]): number[] => children.map(({ pid }) => pid ?? 0);

export async function startCalls(module: string): Promise<RunningCalls> {
  const children = await startRoles(module, ['serve', 'drive'], await meeting());
  const driver = children.at(-1);
  return {
    pids: pidsOf(children),
    async drive(load: Load): Promise<LoadResult> {
      if (driver === undefined) throw new Error('there is no driver');
      driver.send(load);
      const result = (await answer(driver, load.ms + readyMs)) as LoadResult & { failed?: string };
      if (result.failed !== undefined) throw new Error(`${module}: ${result.failed}`);
      return result;
    },
    [Symbol.asyncDispose]: () => endAll(children),
  };
}

export async function startGateway(module: string, roles = ['serve', 'gateway']): Promise<RunningGateway> {
  const at = await meeting();
  const children = await startRoles(module, roles, at);
  return {
    pids: pidsOf(children),
    url: `http://127.0.0.1:${String(at.httpPort)}/users/1`,
    [Symbol.asyncDispose]: () => endAll(children),
  };
}
