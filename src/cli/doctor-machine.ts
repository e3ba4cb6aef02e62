/** What `tutti doctor` looks at on the machine itself: Node, limits, shared memory, the C library, sockets, SQLite. */
import { readFileSync, statfsSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { closeListeningSocket, openListeningSocket } from '../os/listening-socket.ts';
import { loadNative } from '../os/native.ts';
import type { Finding } from './finding.ts';
import { fail, ok, warn } from './finding.ts';
import { bytesText } from './quantities.ts';

const fewFiles = 4_096;
const fewProcesses = 512;
const littleSharedMemory = 16 * 1_024 * 1_024;

export async function checkMachine(): Promise<Finding[]> {
  return [node(), typescript(), ...limits(), sharedMemory(), native(), await sockets(), sqlite()];
}

function node(): Finding {
  const options = process.env['NODE_OPTIONS'] ?? '';
  const what = `Node ${process.versions.node}${options === '' ? '' : `, NODE_OPTIONS=${options}`}`;
  return /--inspect/.test(options)
    ? warn(`${what}: instances do not inherit the inspector`, 'unset NODE_OPTIONS')
    : ok(what);
}

/** `module.enableCompileCache` and the rest are of 24, which bin/tutti.js demands; this one can be switched off. */
function typescript(): Finding {
  if (process.features.typescript !== false) return ok('Node strips types: .ts files run as they are');
  return fail(
    'Node was told not to strip types: .ts files do not run',
    'remove --no-strip-types from NODE_OPTIONS',
  );
}

/** Linux only; elsewhere nothing is said. */
function limits(): Finding[] {
  let text: string;
  try {
    text = readFileSync('/proc/self/limits', 'utf8');
  } catch {
    return [];
  }
  const soft = (name: string): number => {
    const value = new RegExp(`^${name} +(\\S+)`, 'm').exec(text)?.[1] ?? 'unlimited';
    return value === 'unlimited' ? Infinity : Number(value);
  };
  return [
    atLeast('open files', soft('Max open files'), { least: fewFiles, mend: 'ulimit -n 65536' }),
    atLeast('processes', soft('Max processes'), { least: fewProcesses, mend: 'ulimit -u 4096' }),
  ];
}

function atLeast(what: string, found: number, { least, mend }: { least: number; mend: string }): Finding {
  const text = `${found === Infinity ? 'No limit of' : `Up to ${String(found)}`} ${what}`;
  return found >= least ? ok(text) : warn(`${text}: few for many connections`, mend);
}

function sharedMemory(): Finding {
  try {
    const { bavail, bsize } = statfsSync('/dev/shm');
    const free = bavail * bsize;
    const what = `/dev/shm has ${bytesText(free)} free`;
    return free >= littleSharedMemory
      ? ok(what)
      : warn(what, 'docker run --shm-size=64m, or: mount -o remount,size=64m /dev/shm');
  } catch {
    return process.platform === 'linux'
      ? warn(
          'There is no /dev/shm: statistics are kept in the run directory',
          'mount -t tmpfs tmpfs /dev/shm',
        )
      : ok('No /dev/shm on this system: statistics are kept in the run directory');
  }
}

function native(): Finding {
  if (loadNative() !== undefined) return ok('koffi loads: the C library can be called');
  return warn('koffi does not load: no inherited sockets, spools are cut by copying', 'npm install koffi');
}

async function sockets(): Promise<Finding> {
  try {
    const { fd } = await openListeningSocket({ host: '127.0.0.1', port: 0 });
    closeListeningSocket(fd);
    return ok('Listening sockets can be inherited: no connection is refused while a gateway restarts');
  } catch (error) {
    return warn(error instanceof Error ? error.message : String(error), 'npm install koffi');
  }
}

function sqlite(): Finding {
  try {
    const database = new DatabaseSync(':memory:');
    const row = database.prepare('SELECT sqlite_version() AS version').get();
    database.close();
    return ok(`node:sqlite works, SQLite ${String(row?.['version'])}`);
  } catch (error) {
    return fail(
      `node:sqlite does not work: ${error instanceof Error ? error.message : String(error)}`,
      'npx node@24 --version',
    );
  }
}
