/** What `tutti doctor` looks at here: the two directories, the disk, the app file and the ports of its gateways. */
import { accessSync, constants, existsSync, statfsSync } from 'node:fs';
import { dirname, relative } from 'node:path';
import { fillOptions } from '../core/options.ts';
import type { AppDefinition } from '../define/app.ts';
import { findAppFile, loadApp, resolveAppFile } from '../define/load-app.ts';
import { gatewayOptions } from '../define/options.ts';
import { openPrivateDirectory } from '../os/directories.ts';
import { closeListeningSocket, openListeningSocket } from '../os/listening-socket.ts';
import { AppConnection } from './app-connection.ts';
import type { AppLocation } from './app-location.ts';
import { locateApp } from './app-location.ts';
import type { Finding } from './finding.ts';
import { fail, ok, warn } from './finding.ts';
import { bytesText } from './quantities.ts';

const MiB = 1_024 * 1_024;
const littleDisk = 1_024 * MiB;
const noDisk = 100 * MiB;

const wordsOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

export async function checkPlace(named: string | undefined): Promise<Finding[]> {
  const appFile = named === undefined ? findAppFile(process.cwd()) : resolveAppFile(named, process.cwd());
  if (appFile === undefined)
    return [
      warn(
        'No tutti.ts, tutti.js or tutti.mjs here or above: ports and directories were not looked at',
        'npx tutti doctor --app path/to/tutti.ts',
      ),
    ];
  const location = locateApp(appFile);
  return [
    directory('Run directory', location.runDir),
    directory('State directory', location.stateDir),
    disk(location.stateDir),
    ...(await app(location)),
  ];
}

/** Opened as the keeper would, but never made. */
function directory(name: string, path: string): Finding {
  try {
    const there = nearest(path);
    if (there === path) openPrivateDirectory(path);
    else accessSync(there, constants.W_OK);
    return ok(`${name} ${path}${there === path ? '' : ' (will be made)'}`);
  } catch (error) {
    const [problem = '', mend = ''] = wordsOf(error).split(/: (?=[^:]*$)/);
    return fail(`${name}: ${problem}`, mend);
  }
}

const nearest = (path: string): string => (existsSync(path) ? path : nearest(dirname(path)));

function disk(stateDir: string): Finding {
  const { bavail, bsize } = statfsSync(nearest(stateDir));
  const free = bavail * bsize;
  const what = `${bytesText(free)} free on the disk of the state directory`;
  if (free < noDisk) return fail(what, 'free at least 1 GB, or move it: TUTTI_STATE_DIR=/other/disk');
  return free < littleDisk
    ? warn(what, 'free at least 1 GB, or move it: TUTTI_STATE_DIR=/other/disk')
    : ok(what);
}

async function app(location: AppLocation): Promise<Finding[]> {
  const file = relative(process.cwd(), location.appFile);
  let definition: AppDefinition;
  try {
    definition = await loadApp(location.appFile);
  } catch (error) {
    return [fail(wordsOf(error).replaceAll('\n', '\n        '), `npx tutti check ${file}`)];
  }
  const found = ok(`${file} is the app ${definition.name}`);
  const isRunning = new AppConnection(location).isKeeperAlive;
  if (isRunning) return [found, ok(`${definition.name} is running and holds its ports`)];
  return [found, ...(await Promise.all(Object.entries(definition.gateways ?? {}).map(port)))];
}

async function port([name, entry]: [
  string,
  { host?: string | undefined; port?: number | undefined },
]): Promise<Finding> {
  const address = fillOptions(gatewayOptions, { host: entry.host, port: entry.port });
  try {
    const { fd } = await openListeningSocket(address);
    closeListeningSocket(fd);
    return ok(`Port ${String(address.port)} on ${address.host} is free for gateway ${name}`);
  } catch (error) {
    return fail(wordsOf(error), `find who has it: ss -ltnp 'sport = :${String(address.port)}'`);
  }
}
