/**
 * Where an app keeps what is its own: from the app file to its two directories. The CLI and its commands read the environment here.
 */
import { tmpdir } from 'node:os';
import { runDirectory, socketPath, stateDirectory } from '../os/directories.ts';

export interface AppLocation {
  readonly appFile: string;
  readonly runDir: string;
  readonly stateDir: string;
  readonly adminSocket: string;
}

export function locateApp(appFile: string): AppLocation {
  const { XDG_RUNTIME_DIR, TUTTI_STATE_DIR } = process.env;
  const uid = process.getuid?.() ?? 0;
  const runDir = runDirectory(appFile, {
    ...(XDG_RUNTIME_DIR === undefined ? {} : { XDG_RUNTIME_DIR }),
    tmp: tmpdir(),
    uid,
  });
  return {
    appFile,
    runDir,
    stateDir: stateDirectory(appFile, TUTTI_STATE_DIR),
    adminSocket: socketPath(runDir, 'admin'),
  };
}
