/**
 * The keeper: what `tutti start` is, and parent of everything. Here its parts are opened, linked, and closed in reverse.
 * It has no configuration, serves no HTTP, writes no log and runs no user code: too small to fail.
 */
import { rmSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { isTuttiError } from '../../core/errors.ts';
import { systemClock } from '../../os/clock.ts';
import { openPrivateDirectory, socketPath } from '../../os/directories.ts';
import { generateKeys } from '../../os/identity.ts';
import { acquireLock } from '../../os/lock.ts';
import { ProcessesFile, sweep } from '../../os/processes-file.ts';
import { readRunning, removeRunning, writeRunning } from '../../os/running-file.ts';
import { countersPath, statisticsPath } from '../../os/shared-memory-path.ts';
import { Keeper, type StopSignal } from './keeper.ts';

export interface KeeperOptions {
  readonly appFile: string;
  readonly runDir: string;
  readonly stateDir: string;
  /** The .js entry that node runs. */
  readonly supervisorEntry: string;
  readonly supervisorArgs: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Started with `-d`: there is no terminal to read from. */
  readonly detached: boolean;
  readonly graceMs: number;
  readonly pingMs?: number;
}

const exitCodeConfigInvalid = 3;
const exitCodeAlreadyRunning = 6;
const stopSignals: readonly StopSignal[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/** Gives the exit code, once every process that it started is gone. */
export async function runKeeper(options: KeeperOptions): Promise<number> {
  const { runDir, stateDir } = options;
  // A closed terminal or a full disk is no reason to let the app fall.
  for (const output of [process.stdout, process.stderr]) output.on('error', () => undefined);
  // Else it would open a debugger.
  process.on('SIGUSR1', () => undefined);
  await using closers = new AsyncDisposableStack();
  try {
    openPrivateDirectory(stateDir);
    openPrivateDirectory(runDir);
    // Also the run directory: the same app with another state directory would share its sockets with us.
    for (const directory of [stateDir, runDir]) {
      const lock = acquireLock(directory);
      if (lock === undefined) return refuseSecond(options);
      closers.defer(() => {
        lock.release();
      });
    }
    await sweepPredecessor(runDir);
    closers.defer(() => {
      removeTraces(options);
    });
    const processes = closers.adopt(new ProcessesFile(runDir), (file) => {
      file.close();
    });
    return await keep(options, processes);
  } catch (error) {
    if (!isTuttiError(error, 'CONFIG_INVALID')) throw error;
    say(error.message);
    return exitCodeConfigInvalid;
  }
}

async function keep(options: KeeperOptions, processes: ProcessesFile): Promise<number> {
  const nameApp = makeNaming(options);
  nameApp(basename(dirname(options.appFile)));
  const keeper = new Keeper({
    clock: systemClock,
    random: Math.random,
    processes,
    keys: generateKeys(),
    supervisor: {
      entry: options.supervisorEntry,
      args: options.supervisorArgs,
      env: options.env,
      inheritsInput: !options.detached,
      pingMs: options.pingMs ?? 10_000,
    },
    graceMs: options.graceMs,
    say,
    rename: nameApp,
  });
  const onSignal = (signal: NodeJS.Signals): void => {
    keeper.onSignal(signal as StopSignal);
  };
  for (const signal of stopSignals) process.on(signal, onSignal);
  try {
    return await keeper.run();
  } finally {
    for (const signal of stopSignals) process.off(signal, onSignal);
  }
}

/** The folder's name until the supervisor has read the app file and says better. */
function makeNaming({ appFile, runDir, stateDir }: KeeperOptions): (app: string) => void {
  const startedAt = systemClock.wall();
  return (app) => {
    process.title = `tutti: keeper ${app}`;
    const adminSocket = socketPath(runDir, 'admin');
    try {
      writeRunning(stateDir, { pid: process.pid, app, appFile, adminSocket, startedAt });
    } catch (error) {
      say(`running.json cannot be written, commands will not find the app: ${String(error)}`);
    }
  };
}

async function sweepPredecessor(runDir: string): Promise<void> {
  const { killed, left } = await sweep(runDir, systemClock);
  if (killed.length > 0) say(`Ended ${String(killed.length)} processes of a keeper that had died`);
  if (left.length > 0) say(`These process groups of it do not end: ${left.join(', ')}`);
}

function refuseSecond({ stateDir, runDir }: KeeperOptions): number {
  const running = readRunning(stateDir);
  if (running === undefined) say(`An app is already running with ${stateDir} or ${runDir}`);
  else
    say(
      `${running.app} is already running: process ${String(running.pid)}, ${running.appFile}\n  See it: npx tutti status; end it: npx tutti stop`,
    );
  return exitCodeAlreadyRunning;
}

function removeTraces({ stateDir, runDir }: KeeperOptions): void {
  removeRunning(stateDir);
  for (const path of [statisticsPath(runDir), countersPath(runDir)]) rmSync(path, { force: true });
}

function say(sentence: string): void {
  process.stderr.write(`tutti: ${sentence}\n`);
}
