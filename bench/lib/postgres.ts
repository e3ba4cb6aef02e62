/**
 * A PostgreSQL server of the bench's own, with a folder that is gone afterwards; where its programs are missing, a database of its own in a server that runs, which
 * is dropped afterwards. Either way a commit is on disk before it is answered.
 */
import { execFile, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { chownSync, existsSync, globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Client } from 'pg';
import type { RunningServer } from './job-processes.ts';
import { parentOf, treeCpuUs } from './proc.ts';
import { end, freePort } from './spawn.ts';

interface User {
  readonly uid: number;
  readonly gid: number;
}

/** The server refuses to run as root. Undefined: it runs as who we are. */
function userOfServer(): User | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const line = /^postgres:[^:]*:(\d+):(\d+):/m.exec(readFileSync('/etc/passwd', 'utf8'));
  if (line === null) throw new Error('There is no user `postgres` to run PostgreSQL as');
  return { uid: Number(line[1]), gid: Number(line[2]) };
}

/** Of the newest version. */
const programs = (): string | undefined =>
  globSync('/usr/lib/postgresql/*/bin')
    .filter((folder) => existsSync(join(folder, 'initdb')))
    .toSorted((left, right) => Number(left.split('/')[4]) - Number(right.split('/')[4]))
    .at(-1);

const usualUrl = 'postgres://postgres@127.0.0.1:5432/postgres';

/**
 * Durable as it comes; `on` is said where somebody may look for it. Room for all connections; no checkpoint in the middle of a round; queues leave dead rows
 * quickly, so they are looked after more often than once a minute, as guides to queues in PostgreSQL ask for.
 */
const settings = {
  ...{ fsync: 'on', synchronous_commit: 'on', full_page_writes: 'on' },
  ...{ max_connections: '300', shared_buffers: '256MB', max_wal_size: '4GB', autovacuum_naptime: '5s' },
  ...{ listen_addresses: '127.0.0.1', unix_socket_directories: '' },
};

export async function connected(url: string): Promise<Client> {
  // A peer like the others: nothing of it is needed for other questions.
  const { Client: PgClient } = (await import('pg')).default;
  const client = new PgClient({ connectionString: url });
  await client.connect();
  return client;
}

async function withClient<T>(url: string, run: (client: Client) => Promise<T>): Promise<T> {
  const client = await connected(url);
  try {
    return await run(client);
  } finally {
    await client.end();
  }
}

const valueOf = async (client: Client, sql: string): Promise<string> => {
  const { rows } = await client.query<string[]>({ text: sql, rowMode: 'array' });
  return String(rows[0]?.[0]);
};

async function refuseUnlessDurable(client: Client): Promise<void> {
  for (const name of ['fsync', 'synchronous_commit', 'full_page_writes'])
    if ((await valueOf(client, `SHOW ${name}`)) !== 'on') throw new Error(`PostgreSQL runs with ${name} off`);
}

async function untilReady(url: string, server: ChildProcess): Promise<void> {
  for (let tries = 0; tries < 200 && server.exitCode === null; tries += 1) {
    try {
      await withClient(url, refuseUnlessDurable);
      return;
    } catch {
      await delay(50);
    }
  }
  throw new Error('The PostgreSQL server does not answer');
}

/** Laid out once, and copied for each server. */
let laidOut: Promise<string> | undefined;

async function layOut(bin: string, user: User | undefined): Promise<string> {
  const data = join(newServerFolder(user), 'data');
  const wanted = ['--username=postgres', '--auth=trust', '--encoding=UTF8', '--locale=C', '--no-sync'];
  await promisify(execFile)(join(bin, 'initdb'), [...wanted, '--pgdata', data], { cwd: tmpdir(), ...user });
  return data;
}

const folders: string[] = [];
process.on('exit', () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** Gone when the bench ends. It is not in the bench's own folder, which is closed to the user of the server. */
function newServerFolder(user: User | undefined): string {
  const folder = mkdtempSync(join(tmpdir(), 'bench-pg-'));
  folders.push(folder);
  if (user !== undefined) chownSync(folder, user.uid, user.gid);
  return folder;
}

async function startOwn(bin: string): Promise<RunningServer> {
  const user = userOfServer();
  const folder = newServerFolder(user);
  const data = join(folder, 'data');
  await promisify(execFile)('cp', ['-a', await (laidOut ??= layOut(bin, user)), data], {
    cwd: folder,
    ...user,
  });
  const port = await freePort();
  const wanted = Object.entries({ ...settings, port: String(port) }).flatMap(([name, value]) => [
    '-c',
    `${name}=${value}`,
  ]);
  const server = spawn(join(bin, 'postgres'), ['-D', data, ...wanted], {
    ...{ cwd: folder, stdio: 'ignore', ...user },
  });
  const stop = async (): Promise<void> => {
    // At once: nobody will read what it has.
    await end(server, 'SIGQUIT');
    rmSync(folder, { recursive: true, force: true });
  };
  const address = `postgres://postgres@127.0.0.1:${String(port)}/postgres`;
  try {
    await untilReady(address, server);
  } catch (error) {
    await stop();
    throw error;
  }
  return { address, cpuUs: () => treeCpuUs(server.pid ?? 0), [Symbol.asyncDispose]: stop };
}

/** The parent of all backends; NaN: the server is on another machine, or in a container that we cannot see into. */
async function serverPid(client: Client): Promise<number> {
  const backend = Number(await valueOf(client, 'SELECT pg_backend_pid()'));
  try {
    const isIt = readFileSync(`/proc/${String(backend)}/comm`, 'utf8').startsWith('postgres');
    return isIt ? parentOf(backend) : NaN;
  } catch {
    return NaN;
  }
}

/** CPU is that of the whole server, others' work included. */
async function useRunning(url: string): Promise<RunningServer> {
  const name = `tutti_bench_${String(process.pid)}`;
  const pid = await withClient(url, async (client) => {
    await refuseUnlessDurable(client);
    await client.query(`CREATE DATABASE ${name}`);
    return serverPid(client);
  });
  const address = new URL(url);
  address.pathname = `/${name}`;
  return {
    address: address.href,
    cpuUs: () => (Number.isNaN(pid) ? NaN : treeCpuUs(pid)),
    async [Symbol.asyncDispose]() {
      await withClient(url, (client) => client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`));
    },
  };
}

/** Undefined: there is neither a server to start nor one that answers. */
export async function findPostgres(): Promise<(() => Promise<RunningServer>) | undefined> {
  const asked = process.env['BENCH_POSTGRES_URL'];
  const bin = programs();
  if (asked === undefined && bin !== undefined) return () => startOwn(bin);
  const url = asked ?? usualUrl;
  const answers = await withClient(url, () => Promise.resolve(true)).catch(() => false);
  if (answers) return () => useRunning(url);
  if (asked !== undefined) throw new Error('BENCH_POSTGRES_URL names a server that does not answer');
  return undefined;
}
